"""What is released says one thing: one version, one list of Pythons, one oldest torch."""

import re
from pathlib import Path

import pytest
import yaml
from mkdocs.config import load_config
from mkdocs.structure.files import File
from mkdocs.structure.pages import Page as MkDocsPage

import nano_bert

ROOT = Path(__file__).parents[2]


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_version_stands_in_one_place_and_the_others_follow() -> None:
    assert yaml.safe_load(read("CITATION.cff"))["version"] == nano_bert.__version__
    newest = re.search(r"^## (\S+)", read("docs/changelog.md"), re.MULTILINE)
    assert newest
    assert newest[1] == nano_bert.__version__


def test_the_workflow_tests_every_python_and_the_oldest_torch_that_the_package_claims() -> None:
    project, jobs = read("pyproject.toml"), yaml.safe_load(read(".github/workflows/ci.yml"))["jobs"]
    claimed = re.findall(r"Python :: (3\.\d+)", project)
    assert jobs["tests"]["strategy"]["matrix"]["python"] == claimed
    assert f'requires-python = ">={claimed[0]}"' in project
    oldest = re.search(r'"torch>=([\d.]+)"', project)
    assert oldest
    assert {"python": claimed[0], "torch": f"torch=={oldest[1]}.0"} in jobs["everything"]["strategy"]["matrix"][
        "include"
    ]


def test_the_workflow_runs_what_the_readme_says() -> None:
    readme, steps = read("README.md"), yaml.safe_load(read(".github/workflows/ci.yml"))["jobs"]["tests"]["steps"]
    commands = [step["run"] for step in steps if "run" in step]
    assert commands[0] in readme
    assert "pytest -n auto" in readme
    install = re.search(r"pip install \"mkdocs.*?\"(?= &&)", readme)
    assert install
    assert install[0] in read(".github/workflows/release.yml")


def test_every_command_of_the_guide_exists() -> None:
    guide = read("docs/contributing.md")
    for module in re.findall(r"python -m (tests\.[\w.]+)", guide):
        place = ROOT / module.replace(".", "/")
        assert place.with_suffix(".py").is_file() or (place / "__main__.py").is_file(), module
    for path in re.findall(r"pytest (?:--rewrite )?((?:tests|docs)/[\w/.-]+)", guide):
        assert (ROOT / path).is_file(), path


def test_a_published_page_can_be_edited_and_a_local_one_names_no_host(monkeypatch: pytest.MonkeyPatch) -> None:
    site = yaml.safe_load(read(".github/workflows/release.yml"))["jobs"]["site"]["env"]
    local = load_config(str(ROOT / "mkdocs.yml"))
    assert not local.repo_url
    assert not local.edit_uri
    monkeypatch.setenv("REPOSITORY_URL", "https://example.org/nano-bert")
    monkeypatch.setenv("EDIT_URI", site["EDIT_URI"])
    published = load_config(str(ROOT / "mkdocs.yml"))
    page = MkDocsPage(None, File("04-attention.md", published.docs_dir, published.site_dir, False), published)
    assert page.edit_url == "https://example.org/nano-bert/edit/main/docs/04-attention.md"
    assert (ROOT / "docs" / "04-attention.md").is_file()
