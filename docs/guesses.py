"""What can be answered on a page: predictions, and the exercises that have an answer, with the page that counts them.

A prediction ends with its choices, a numbered list; or with a line such as *A whole number.* or *Two numbers, each
within 0.05.* Its answer ends with a list of what the wrong ones overlook: *2?* and then why not the second, or *8?* and
why not 8. The choice that has no such sentence is the right one; the right numbers are the first that the answer prints
in bold. So GitHub, an editor and a browser without JavaScript show a question, a list and an answer, and nothing is
written twice. What an exercise asks for, and the fingerprint of its answer, are those of `nano-bert check`.
"""

import hashlib
import html as entities
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError

DOCS = Path(__file__).parent
ANSWERS: dict[str, dict[str, Any]] = json.loads(
    (DOCS.parent / "nano_bert" / "check" / "answers.json").read_text(encoding="utf-8")
)
QUESTION = re.compile(r"^> \[!TIP\]\n> \*\*Predict\.\*\* ((?:> ?.*\n|.*\n)*?)(?=>\n|\n)", re.M)
BOX = re.compile(r'<div class="admonition predict">\n(.*?)\n</div>', re.S)
CHOICES = re.compile(r"<ol>\n(.*?)</ol>", re.S)
ITEM = re.compile(r"<li>(?:\s*<p>)?(.*?)(?:</p>\s*)?</li>", re.S)
NUMBERS = re.compile(r"<p><em>((A|Two|Three|Four)\b[^<]*?\bnumbers?\b[^<]*)</em></p>")
WITHIN = re.compile(r"\bwithin (\d+(?:\.\d+)?)")
REPLIES = re.compile(r"<ul>(\s*<li>(?:\s*<p>)?<em>[^<]*\?</em>.*?)</ul>", re.S)
REPLY = re.compile(r"<li>(?=(?:\s*<p>)?<em>([^<]*)\?</em>)")
WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
BOLD = re.compile(rf"<strong>([-\u2212]?[\d,]*\.?\d+|{'|'.join(WORDS)})\.?</strong>", re.I)
COUNTS = {"A": 1, "Two": 2, "Three": 3, "Four": 4}
SAYS = '<p class="reply" role="status">{}</p>'
ERASE = (
    f'<div class="scripted"><button type="button" class="erase">Erase everything</button>{SAYS.format("&nbsp;")}</div>'
)
RUNG = re.compile(r"^\| (\d+) ([a-z -]+) \| \[\d+\]", re.M)


class GuessError(PluginError):
    """A prediction that cannot be answered; the message says what is missing."""


def key_of(stem: str, question: str) -> str:
    """Return the name under which a browser keeps an answer; another question has another name."""
    return f"{stem}:{hashlib.sha256(' '.join(question.replace('> ', ' ').split()).encode()).hexdigest()[:6]}"


def keys_of(stem: str, markdown: str) -> list[str]:
    """Return the names of all predictions of a page, in their order."""
    return [key_of(stem, question) for question in QUESTION.findall(markdown)]


def number_of(written: str) -> str:
    """Return a number that an answer prints in digits or as a word, as a script reads it."""
    values = {word: str(value) for value, word in enumerate(WORDS)}
    return values.get(written.lower(), written.replace("\u2212", "-").replace(",", ""))


def exercises_of(stem: str) -> list[str]:
    """Return the numbers of the exercises of a page that have an answer: those of 04-attention are 4.1 and so on."""
    name = str(int(stem[:2])) if stem[:2].isdigit() else stem
    return [number for number in ANSWERS if number.rpartition(".")[0] == name]


def typed(hint: str, **data: object) -> str:
    """Return a place to type something, with what it is compared with."""
    given = "".join(f' data-{name}="{entities.escape(str(value))}"' for name, value in data.items())
    return (
        f'<form class="typed"{given}><label><span>{hint}</span> <input type="text" autocomplete="off" '
        f'spellcheck="false" autocapitalize="off"></label> <button type="submit">Check</button></form>'
        + SAYS.format("&nbsp;")
    )


def with_guess(html: str, key: str) -> str:
    """Make a prediction answerable: `html` is all from its box to the next.

    Raises:
        GuessError: If there is nothing to answer, no right answer, more than one, or no sentence for a wrong one.
    """
    found = BOX.match(html)
    if not found:
        raise GuessError(f"{key}: its box has no end")
    box, rest = html[: found.end()], html[found.end() :]
    replies = REPLIES.search(rest)
    if not replies:
        raise GuessError(f"{key}: the answer ends with no list of what the wrong ones overlook, such as - *2?* …")
    said = [" ".join(entities.unescape(guess).split()) for guess in REPLY.findall(replies[0])]
    marked = REPLY.sub(lambda reply: f'<li data-guess="{entities.escape(reply[1])}">', replies[1])
    rest = f'{rest[: replies.start()]}<ul data-for="{key}">{marked}</ul>{rest[replies.end() :]}'
    choices, numbers = CHOICES.search(box), NUMBERS.search(box)
    if choices:
        items = ITEM.findall(choices[1])
        right = [str(n) for n in range(1, len(items) + 1) if str(n) not in said]
        if len(right) != 1 or len(said) != len(items) - 1:
            raise GuessError(f"{key}: of {len(items)} choices, one is right and each other has a sentence, not {said}")
        lines = "\n".join(f'<li><span class="choice">{item.strip()}</span></li>' for item in items)
        form = f'<ol class="guess" data-key="{key}" data-right="{right[0]}">\n{lines}\n</ol>\n'
        form += SAYS.format("Choose one before you open the answer.")
        return box[: choices.start()] + form + box[choices.end() :] + rest
    if not numbers:
        raise GuessError(f"{key}: it has neither a numbered list of choices nor a line such as *A whole number.*")
    bold = [number_of(written) for written in BOLD.findall(rest[: replies.start()])]
    count, within = COUNTS[numbers[2]], WITHIN.search(numbers[1])
    if not ({"Something else"} <= {*said} or {"More", "Less"} <= {*said}):
        raise GuessError(f"{key}: it has no sentence for larger and for smaller numbers (*More?*, *Less?*), or for all")
    if len(bold) < count:
        raise GuessError(f"{key}: the answer prints no number in bold, or too few")
    data = {"key": key, "right": " ".join(bold[:count]), "within": within[1] if within else 0, "count": count}
    return box[: numbers.start()] + typed(numbers[1], **data) + box[numbers.end() :] + rest


def with_exercises(html: str, stem: str) -> str:
    """Give each exercise that has an answer a place to type it."""
    begin = html.find('<h2 id="exercises">')
    end = html.find("<h2 ", begin + 1)
    if begin < 0 or not exercises_of(stem):
        return html
    items = re.split(r"(?=</li>)", html[begin:end])
    for number in exercises_of(stem):
        one = ANSWERS[number]
        digits = "" if not one["decimals"] else f", to {one['decimals']} decimal{'s' * (one['decimals'] > 1)}"
        hint = f"{number}: type {entities.escape(one['asks'], quote=False)}{digits}"
        decimals = "" if one["decimals"] is None else one["decimals"]
        data = {"key": number, "decimals": decimals, "count": one["count"], "fingerprint": one["fingerprint"]}
        items[int(number.rpartition(".")[2]) - 1] += typed(hint, **data)
    return html[:begin] + "".join(items) + html[end:]


def names_in(nav: Any) -> Iterator[str]:
    """Yield the pages of a navigation, in order."""
    if isinstance(nav, str):
        yield nav
    else:
        for part in nav.values() if isinstance(nav, dict) else nav:  # pyright: ignore[reportUnknownVariableType]
            yield from names_in(part)


def table(names: Iterator[str]) -> str:
    """Return the table that counts, with a row for each page that has something to answer.

    A cell holds how many there are, which is true without JavaScript, too; the script says how many are done.
    """
    rows: list[str] = []
    for name in names:
        markdown = (DOCS / name).read_text(encoding="utf-8")
        stem, title = name.removesuffix(".md"), markdown.partition("\n")[0].removeprefix("# ")
        kinds = {"said": keys_of(stem, markdown), "first": keys_of(stem, markdown), "right": exercises_of(stem)}
        cells = "".join(
            f'<td data-kind="{kind}" data-keys="{" ".join(keys)}">{len(keys) or "none"}</td>'
            for kind, keys in kinds.items()
        )
        if any(kinds.values()):
            rows.append(f'<tr><th scope="row"><a href="{stem}.html">{title}</a></th>{cells}</tr>')
    heads = ("Page", "Predictions", "right at once", "Exercises")
    head = "".join(f'<th scope="col">{title}</th>' for title in heads)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def rungs() -> str:
    """Return the rungs of the ladder, to tick, and a place for what the command says."""
    text = (DOCS / "write-it-yourself.md").read_text(encoding="utf-8")
    return (
        '<div class="scripted"><ul class="rungs">'
        + "".join(
            f'<li><label><input type="checkbox" value="{number}"> {number} {name}</label></li>'
            for number, name in RUNG.findall(text)
        )
        + '</ul><form class="pasted"><label><span>What <code>nano-bert check</code> says</span> '
        '<textarea rows="4" spellcheck="false"></textarea></label> <button type="submit">Read it</button></form>'
        + SAYS.format("&nbsp;")
        + "</div>"
    )


def on_page_markdown(markdown: str, page: Any, **_: object) -> str:
    """Remember the questions as they are written."""
    page.meta["guesses"] = keys_of(page.file.src_uri.removesuffix(".md"), markdown)
    return markdown


def on_page_content(html: str, page: Any, config: Any, **_: object) -> str:
    """Make the predictions and the exercises of a page answerable, and fill in the page that counts."""
    stem = page.file.src_uri.removesuffix(".md")
    before, *boxes = re.split(r'(?=<div class="admonition predict">)', html)
    boxes = [with_guess(box, key) for box, key in zip(boxes, page.meta["guesses"], strict=True)]
    html = with_exercises("".join([before, *boxes]), stem)
    if stem == "progress":
        parts = {"answers": table(names_in(config.nav)), "rungs-done": rungs(), "erase-all": ERASE}
        for name, part in parts.items():
            place = re.compile(rf'<div class="progress {name}">\n(.*?)\n</div>', re.S)
            html = place.sub(
                lambda found, name=name, part=part: (
                    f'<div class="progress {name}"><noscript>{found[1]}</noscript>{part}</div>'
                ),
                html,
            )
    return html
