"""The rungs as tests of pytest, for the Test Explorer of an editor: one process judges all that were asked for."""

from pathlib import Path
from typing import Any

from nano_bert.check.rungs import LADDER, Rung
from nano_bert.check.sandbox import check_file
from nano_bert.check.show import explained

__all__ = ["LADDER", "judged"]


def judged(file: Path, rung: Rung, request: Any) -> tuple[bool, str]:
    """Say whether a rung is right, and what there is to say of it.

    Args:
        file: The reader's file.
        rung: The rung.
        request: pytest's own: it knows which rungs are asked for besides, and keeps what was said of them.
    """
    kept: dict[int, dict[str, Any]] | None = getattr(request.session, "nano_bert_reports", None)
    if kept is None or rung.number not in kept:
        items = [getattr(item, "callspec", None) for item in request.session.items]
        asked = {item.params["rung"].number for item in items if item and isinstance(item.params.get("rung"), Rung)}
        result = check_file(file, [one for one in LADDER if one.number in asked | {rung.number}])
        kept = {one["number"]: one for one in result.reports}
        request.session.nano_bert_reports = kept
    report = kept[rung.number]
    return report["state"] == "passed", explained(report)
