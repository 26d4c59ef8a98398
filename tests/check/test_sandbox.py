"""Whatever a reader's file does, a sentence comes out; and nothing of the reader's is changed."""

import shutil
import sys
from pathlib import Path

import pytest

from nano_bert.check.child import LoadError, load
from nano_bert.check.rungs import LADDER
from nano_bert.check.sandbox import MOST_OUTPUT, Result, check_file
from nano_bert.check.show import shown
from nano_bert.check.start import start
from nano_bert.check.stubs import solved, stub
from nano_bert.cli.arguments import main

INSIDE = "        return re.findall("  # in the tokenizer of the first rung
# What the file does while it is looked at; and what is said of it.
BAD = {
    "an endless loop": ("        while True: pass\n", "was still busy after"),
    "a wait": ("        import time; time.sleep(1000)\n", "was still busy after"),
    "an exit": ("        import os; os._exit(0)\n", "ended Python itself (exit code 0)"),
    "a polite exit": ("        raise SystemExit\n", "Python stopped in line"),
    "a crash": ("        import ctypes; ctypes.string_at(0)\n", "made Python crash (SIGSEGV)"),
    "too much memory": ("        torch.zeros(10**12)\n", "Python stopped in line"),
    "a recursion": ("        return self.tokenize(text)\n", "RecursionError"),
    "a question": ("        input('?')\n", "EOFError"),
    "a flood": ("        print('x' * 5_000_000)\n", "right"),
    "a flood of errors": ("        import sys; sys.stderr.write('y' * 5_000_000)\n", "right"),
    "a closed stream": ("        import os; os.close(1); os.close(2)\n", "right"),
}
QUICK = ("an endless loop",)


def looked_at(folder: Path, text: str, seconds: float = 10.0) -> tuple[Result, str]:
    file = folder / "my_bert.py"
    file.write_text(text, encoding="utf-8")
    before = sorted(folder.rglob("*")), file.read_bytes(), file.stat().st_mtime_ns
    result = check_file(file, LADDER[:2], seconds)
    assert (sorted(folder.rglob("*")), file.read_bytes(), file.stat().st_mtime_ns) == before
    text = shown(file.name, result.reports, result.printed)
    assert "Traceback" not in text
    assert "nano_bert/" not in text
    return result, " ".join(text.split())


@pytest.mark.parametrize("what", [pytest.param(w, marks=[] if w in QUICK else pytest.mark.slow) for w in BAD])
@pytest.mark.skipif(sys.platform == "win32", reason="signals are others there")
def test_whatever_a_part_does_a_sentence_comes_out(what: str, tmp_path: Path) -> None:
    code, sentence = BAD[what]
    result, text = looked_at(
        tmp_path, solved().replace(INSIDE, code + INSIDE), {"an endless loop": 1.0, "a wait": 1.0}.get(what, 10.0)
    )
    assert sentence in text
    assert [one["number"] for one in result.reports] == [1, 2]
    assert len(result.printed) <= MOST_OUTPUT


@pytest.mark.slow
def test_a_loop_tells_its_line(tmp_path: Path) -> None:
    text = solved().replace(INSIDE, "        while True:\n            pass\n" + INSIDE)
    line = text[: text.index("while True")].count("\n") + 1
    _, says = looked_at(tmp_path, text, 4.0)
    assert f"It was in line {line}, in tokenize" in says or f"It was in line {line + 1}, in tokenize" in says


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("def two(:\n", "Python cannot read my_bert.py: "),
        ("x = 1\n  y = 2\n", "in line 2: `y = 2`"),
        ("import a_file_that_is_not_there\n", "imports a_file_that_is_not_there in line 1"),
        (
            "x = 1\nhalf = x / 0\n",
            "stops in line 2, `half = x / 0`, before anything can be looked at: ZeroDivisionError",
        ),
        ("import sys\nsys.exit(3)\n", "ends Python in line 2"),
        ("x = '\x00'\n", "Python cannot read my_bert.py"),
        ("raise KeyboardInterrupt\n", "KeyboardInterrupt"),
    ],
)
def test_a_file_that_cannot_be_run(text: str, says: str, tmp_path: Path) -> None:
    file = tmp_path / "my_bert.py"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(LoadError) as caught:
        load(file)
    sys.path.remove(str(tmp_path))
    assert says in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("right", "wrong", "says"),
    [
        ("class BertEmbeddings(", "class Embeddings(", "There is no BertEmbeddings in the file"),
        ("return self.dropout(self.norm(vectors))", "pass", "It should be a tensor, but it is NoneType."),
        ("return self.dropout(self.norm(vectors))", "return vectors[..., :2]", ", 2), but it should be ("),
        ("self.segments = nn.Embedding(config.n_token_types, config.n_embed)", "", "lacks segments.weight"),
        ("nn.Embedding(config.max_seq_len, config.n_embed)", "nn.Embedding(5, config.n_embed)", "but it should have"),
        ("class BertEmbeddings(nn.Module):", "class BertEmbeddings:", "should be an nn.Module"),
        ("import torch\n", "import torch\nimport helper\n", "imports helper in line"),
    ],
)
def test_what_does_not_fit_is_said_in_a_sentence(right: str, wrong: str, says: str, tmp_path: Path) -> None:
    assert solved().count(right) == 1
    assert says in looked_at(tmp_path, solved().replace(right, wrong))[1]


def test_start_writes_a_folder_and_never_over_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "deep" / "mine"
    assert main(["start", str(folder)]) == 0
    assert (folder / "my_bert.py").read_text(encoding="utf-8") == stub()
    assert len((folder / "README.md").read_text(encoding="utf-8").split("\n\n", 1)[1].splitlines()) == 3
    (folder / "my_bert.py").write_text("mine", encoding="utf-8")
    (folder / "README.md").unlink()
    assert main(["start", str(folder)]) == 0
    said = capsys.readouterr().out
    assert f"There already, and left as it is: {folder / 'my_bert.py'}" in said
    assert (folder / "my_bert.py").read_text(encoding="utf-8") == "mine"
    assert start(folder)[0] == []
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert main(["start", str(tmp_path / "file")]) == 2


def test_mistakes_in_the_words_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words, says in (
        (["99"], "There is no rung '99'. The rungs are: 1 tokenizer"),
        (["3", "4"], "takes one rung and one file"),
        (["3", str(tmp_path / "no.py")], "no file. nano-bert start FOLDER writes a my_bert.py"),
        ([str(tmp_path)], "my_bert.py is no file"),
    ):
        assert main(["check", *words]) == 2
        assert says in capsys.readouterr().err


@pytest.mark.slow
def test_the_command_and_the_test_explorer_say_the_same(tmp_path: Path, pytester: pytest.Pytester) -> None:
    start(tmp_path)
    shutil.copytree(tmp_path, pytester.path, dirs_exist_ok=True)
    text = solved().replace("math.sqrt(query.shape[-1])", "math.sqrt(x.shape[-1])")
    (pytester.path / "my_bert.py").write_text(text, encoding="utf-8")
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-n", "0")
    result.assert_outcomes(passed=6, failed=9)
    result.stdout.fnmatch_lines(["*The scores are divided by the root of n_embed*", "*test_rung?03-one-head?*"])
    (pytester.path / "my_bert.py").write_text(solved(), encoding="utf-8")
    pytester.runpytest_subprocess("-n", "0", "-k", "04-masks").assert_outcomes(passed=1, deselected=14)
