"""What MkDocs does to each page of the book, so that it arrives fast: a chapter weighs less than 500 kB at first."""


def on_page_content(html: str, **_: object) -> str:
    """Fetch a figure when it comes near, and keep the examples, whose words stand in the prose, out of the search."""
    return html.replace("<img ", '<img loading="lazy" ').replace("<pre>", "<pre data-search-exclude>")
