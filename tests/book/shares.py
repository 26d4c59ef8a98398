"""Who runs what, when pytest has several processes (`pytest -n auto`).

A page stays in one process, for its examples build on those above them; so does a file with tests, for they share what
was costly to make. What takes longest is begun first: begun last, it would leave all processes but one idle.
"""

from typing import Any

from xdist.scheduler import LoadScopeScheduling

# What takes long, in seconds on a laptop. Nothing but the order depends on it, so a rough number is enough.
SECONDS = {
    "docs/13-looking-inside.md": 20,
    "tests/test_compile.py": 14,
    "tests/check/test_mistakes.py": 11,
    "docs/12-fine-tuning.md": 10,
    "tests/fast/test_distributed.py": 10,
    "tests/pretrained/test_minilm.py": 9,
    "docs/11-pretraining.md": 8,
    "tests/training/test_resume.py": 8,
    "docs/solutions/11-pretraining.md": 7,
    "docs/solutions/13-looking-inside.md": 7,
    "docs/solutions/14-clear-to-fast.md": 7,
    "tests/book/test_notebook.py": 7,
    "tests/cli/test_commands.py": 7,
    "tests/training/test_pretraining.py": 7,
    "docs/09-really-bert.md": 6,
    "tests/book/test_literate.py": 6,
    "tests/book/test_shares.py": 6,
    "tests/book/test_site.py": 6,
    "tests/fast/test_hardware.py": 6,
    "tests/pretrained/test_weight_names.py": 6,
    "tests/tokenizer/test_wordpiece.py": 6,
    "tests/benchmarks/test_benchmarks.py": 5,
    "tests/check/test_right_solutions.py": 6,
    "tests/cli/test_start.py": 5,
    "tests/data/test_phrases.py": 5,
    "tests/experiments/test_results.py": 5,
    "tests/pretrained/test_checkpoint.py": 5,
    "tests/book/test_figures.py": 4,
    "tests/book/test_guards.py": 4,
    "tests/book/test_real_pages.py": 4,
    "tests/pretrained/test_damaged_folders.py": 4,
    "tests/check/test_exercises.py": 4,
    "tests/check/test_random_edits.py": 4,
    "tests/pretrained/test_hub.py": 4,
    "docs/solutions/12-fine-tuning.md": 3,
    "docs/write-it-yourself.md": 3,
    "tests/book/test_debugger.py": 3,
    "tests/experiments/test_few_labels.py": 3,
    "tests/tokenizer/test_learn_vocabulary.py": 3,
    "tests/training/test_baselines.py": 3,
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
