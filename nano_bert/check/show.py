"""What the reader sees: the ladder, and of the lowest rung that is not right, all there is to say."""

import re
from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

from nano_bert.check.rungs import LADDER, TITLES

MARKS = {"passed": "right", "failed": "not yet", "to do": "to do", "waits": "waits"}


def shown(file: str, reports: Sequence[Mapping[str, Any]], printed: str = "") -> str:
    """Return the whole answer.

    Args:
        file: The name of the reader's file.
        reports: One for each rung that was looked at, as in `judge.Report`.
        printed: What the file has printed.
    """
    lines = [f"{file}, rung by rung:", ""]
    for report in reports:
        rung = LADDER[report["number"] - 1]
        lines.append(f"  {rung.number:2}  {rung.name:<22} {MARKS[report['state']]}")
    below = [one for one in reports if one["state"] != "passed"]
    lines.append("")
    if below:
        lines.append(explained(below[0]))
    elif len(reports) == len(LADDER):
        lines.append("All rungs are right. You have written BERT.")
    if printed.strip():
        lines += ["", "Your file printed:", *(f"  {line}" for line in printed.rstrip().splitlines()[:20])]
    return "\n".join(lines).rstrip()


def explained(report: Mapping[str, Any]) -> str:
    """Return what there is to say of one rung, like a teacher: what was seen, what it is, why, and where to read."""
    rung = LADDER[report["number"] - 1]
    texts = [f"Rung {rung.number}, {rung.name} (chapter {rung.chapter}, {TITLES[rung.chapter]}):", str(report["says"])]
    mistakes = report["mistakes"]
    if len(mistakes) > 1:
        texts.append("Two mistakes together give your numbers.")
    for name, why, page, section in mistakes:
        chapter = int(page[:2])
        texts += [f"{'It may be this' if report.get('maybe') else 'The mistake'}: {name}", f"Why: {why}"]
        texts.append(f'Read: "{section}" in chapter {chapter}, {TITLES[chapter]}.')
    if report.get("maybe"):
        texts.append(
            "It gives what differs first, as yours does; what comes after it differs in another way. So it is not all, "
            "or it is something else."
        )
    if not mistakes and report["state"] == "failed" and str(report["says"]).startswith("The first"):
        says = "None of the usual mistakes gives what yours gives: it is a rarer one, or there are several together."
        if "Yours is" in report["says"] or "numbers differ" in report["says"]:
            says += " Take the smallest input for which it shows, and redo it by hand."
        texts.append(says)
    return "\n".join(filled(text) for text in texts)


def explained_exercise(number: str, function: str, report: Mapping[str, Any], printed: str) -> tuple[bool, str]:
    """Return whether an exercise is right, and what there is to say of it."""
    if report["state"] == "passed":
        text = f"Exercise {number}, {function}: right."
    else:
        text = f"Exercise {number}, {function}: not yet. {report['says']}"
    lines = [filled(text)]
    if printed.strip():
        lines += ["", "Your file printed:", *(f"  {line}" for line in printed.rstrip().splitlines()[:20])]
    return report["state"] == "passed", "\n".join(lines)


def filled(text: str) -> str:
    """Break a text into lines of a hundred characters; a shape, such as (2, 4), stays on one."""
    kept = re.sub(r"[\[(][\d, ]+[\])]", lambda shape: shape[0].replace(" ", "\0"), text)
    lines = fill(kept, 100, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    return lines.replace("\0", " ")
