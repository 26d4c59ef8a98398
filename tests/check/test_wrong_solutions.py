"""No false peace: what readers have written wrong is refused, and named, also where it is written in another way."""

import re
from pathlib import Path

import pytest

from nano_bert.check.fit import listed
from nano_bert.check.judge import Judge, Report, run_source
from nano_bert.check.rungs import LADDER, TITLES
from nano_bert.check.show import explained
from nano_bert.check.stubs import solved

DOCS = Path(__file__).parents[2] / "docs"
TEXT = Path(__file__).with_name("wrong_solutions.txt").read_text(encoding="utf-8")
PARTS = re.findall(r"^# ([^\n]+)\. (\d+): ([^\n]+)$\n(.*?)(?=^# [^\n]+\. \d+: |\Z)", TEXT, re.M | re.S)
LATER = pytest.mark.slow
SOME = [pytest.param(*part[1:], id=part[0], marks=[] if part[1] in ("9", "12") else LATER) for part in PARTS]


def report_of(source: str, rung: int | str) -> Report:
    return Judge(run_source(source, "my_bert.py")).report(LADDER[int(rung) - 1])


@pytest.mark.parametrize(("rung", "name", "code"), SOME)
def test_a_wrong_solution_is_refused_and_named(rung: str, name: str, code: str) -> None:
    report = report_of(f"{solved()}\n\n{code}", rung)
    assert report.state == "failed"
    assert len(report.mistakes) == 1, report
    assert name in report.mistakes[0][0]


# What stands in the right file, and what changes its input there; of each kind that a rung is given.
WRITES = (
    (2, "places = torch.arange(input", "input_ids.clamp_(max=3)\n        places = torch.arange(input"),
    (3, "query, key, value = self", "x.mul_(2)\n        query, key, value = self"),
    (5, "answers = [head(x", "attention_mask.logical_not_()\n        answers = [head(x"),
    (6, "centred = x - x.mean(dim=-1, keepdim=True)", "x -= x.mean(dim=-1, keepdim=True)\n        centred = x"),
    (9, "counts = mask.unsqueeze(-1).to(x.dtype)", "counts = mask.unsqueeze(-1).to(x.dtype)\n    x *= counts"),
    (10, "mask = input_ids !=", "input_ids[..., -1] = 1\n        mask = input_ids !="),
    (14, "asked = labels != IGNORED\n    return", "asked = labels != IGNORED\n    labels[~asked] = 0\n    return"),
    (15, 'loss = masked_word_loss(words, batch["labels"])', 'loss = masked_word_loss(words, batch.pop("labels"))'),
)


@pytest.mark.parametrize(("rung", "right", "wrong"), [WRITES[4], *(pytest.param(*one, marks=LATER) for one in WRITES)])
def test_what_changes_what_it_is_given_is_told_so(rung: int, right: str, wrong: str) -> None:
    assert solved().count(right) == 1
    report = report_of(solved().replace(right, wrong), rung)
    assert report.state == "failed"
    assert re.match(r"Your \w+ changes what it is given: the (tensor of the shape \(|dictionary)", report.says)


# A rung, what stands in the right file, what is put in its place, and what is said and not said of it.
SAID = (
    (
        7,
        "self.dropout = nn.Dropout(config.dropout)",
        "self.dropout = nn.Dropout(0.3)",
        "has the rate 0.3, whatever",
        "",
    ),
    (8, "nn.ModuleList(BertLayer(config) for _ in range(config.n_layers))", "[BertLayer(config)]", " more.", "heads.1"),
    (8, "return tuple(hidden_states), ", "return x, ", "The first of the two should be a tuple", "The answer should"),
    (9, "/ counts.sum(dim=-2).clamp(min=1)", "/ counts.sum(dim=-2)", "yours is nan", "by inf"),
    (10, "attention_mask.bool()", "attention_mask > torch.zeros(9)", "It is a matter of shapes", ""),
    (12, "<= 100:\n", "< 100:\n", "and so on, 100 letters", "abababababababab"),
    (14, "@ words.T", "@ words", "lies the wrong way", "It is a matter of shapes"),
)


@pytest.mark.parametrize(
    ("rung", "right", "wrong", "says", "says_not"),
    [pytest.param(*one, marks=[] if one[0] in (9, 12) else LATER) for one in SAID],
)
def test_what_was_seen_is_said_in_full_and_no_more(rung: int, right: str, wrong: str, says: str, says_not: str) -> None:
    at = solved().index(right, solved().index("class BertLayer") if rung == 7 else 0)
    report = report_of(solved()[:at] + wrong + solved()[at + len(right) :], rung)
    text = " ".join(explained(report.to_dict()).split())
    assert says in text
    assert not says_not or says_not not in text


def test_names_in_a_row_say_how_many_more_there_are() -> None:
    assert (listed(["a", "b"]), listed([*"abcdef"])) == ("a, b", "a, b, c, d and 2 more")


def test_a_match_that_is_not_whole_is_a_maybe() -> None:
    wrong = (
        solved().replace("x[..., 0, :]).tanh()", "x[..., 0, :])").replace(".clamp(min=1)\n\n\nclass", "**2\n\n\nclass")
    )
    text = " ".join(explained(report_of(wrong, 9).to_dict()).split())
    assert "It may be this: There is no tanh." in text
    assert "The mistake:" not in text


@pytest.mark.parametrize("chapter", TITLES)
def test_chapters_are_called_by_their_titles(chapter: int) -> None:
    (page,) = DOCS.glob(f"{chapter:02}-*.md")
    assert page.read_text(encoding="utf-8").startswith(f"# {chapter}. {TITLES[chapter]}\n")
