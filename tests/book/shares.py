"""Who runs what, when pytest has several processes (`pytest -n auto`).

A page stays in one process, for its examples build on those above them; so does a file with tests, for they share what
was costly to make. What takes longest is begun first: begun last, it would leave all processes but one idle.
"""

from typing import Any

from xdist.scheduler import LoadScopeScheduling

# What takes long, in seconds on a laptop. Nothing but the order depends on it, so a rough number is enough.
SECONDS = {
    "tests/test_compile.py": 55,
    "tests/fast/test_distributed.py": 50,
    "tests/experiments/test_results.py": 45,
    "tests/training/test_resume.py": 30,
    "tests/book/test_notebook.py": 25,
    "docs/13-looking-inside.md": 24,
    "tests/tokenizer/test_text_cleaning.py": 18,
    "tests/cli/test_commands.py": 18,
    "tests/tokenizer/test_wordpiece.py": 16,
    "docs/11-pretraining.md": 15,
    "docs/solutions/11-pretraining.md": 14,
    "docs/12-fine-tuning.md": 13,
    "docs/solutions/13-looking-inside.md": 13,
    "tests/pretrained/test_hub.py": 13,
    "tests/book/test_literate.py": 12,
    "docs/solutions/14-clear-to-fast.md": 10,
    "tests/book/test_shares.py": 10,
    "tests/book/test_site.py": 10,
    "tests/data/test_phrases.py": 10,
    "tests/pretrained/test_minilm.py": 10,
    "tests/tokenizer/test_learn_vocabulary.py": 10,
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
