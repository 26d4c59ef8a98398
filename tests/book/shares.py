"""Who runs what, when pytest has several processes (`pytest -n auto`).

A page stays in one process, for its examples build on those above them; so does a file with tests, for they share what
was costly to make. What takes longest is begun first: begun last, it would leave all processes but one idle.
"""

from typing import Any

from xdist.scheduler import LoadScopeScheduling

# What takes long, in seconds on a laptop. Nothing but the order depends on it, so a rough number is enough.
SECONDS = {
    "tests/test_compile.py": 55,
}


def scope_of(item: str) -> str:
    """What an item is run together with: its file, or all items that have the same mark `xdist_group`."""
    name, _, group = item.rpartition("@")  # xdist writes the mark behind the name
    return f"@{group}" if name and "]" not in group and "::" in name else item.partition("::")[0]


def seconds(scope: str, n_items: int) -> float:
    """About how long the items take that are run together."""
    return SECONDS.get(scope, n_items / 20)


class LongestFirst(LoadScopeScheduling):
    """Gives out files, the longest first."""

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)

    def _assign_work_unit(self, node: Any) -> None:
        longest = max(self.workqueue, key=lambda scope: seconds(scope, len(self.workqueue[scope])))
        self.workqueue.move_to_end(longest, last=False)
        super()._assign_work_unit(node)
