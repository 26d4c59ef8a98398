"""The command: it helps, it works, and a mistake is answered by one sentence and exit code 2."""

import io
import json
import math
import os
import runpy
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nano_bert import NanoBertForClassification, NanoBertForPreTraining, WordPieceTokenizer, WordTokenizer
from nano_bert.cli import commands
from nano_bert.cli.arguments import EXAMPLES, main, make_parser
from nano_bert.cli.commands import MODEL_OPTIONS, TRAINING_OPTIONS
from nano_bert.data import Split
from nano_bert.data.download import SOURCES
from nano_bert.experiments import recipes
from nano_bert.experiments.recipes import Recipe
from nano_bert.experiments.records import PENALTIES
from nano_bert.training import TrainingConfig, loop
from nano_bert.training import run as run_module
from tests.phrases import phrases

VERBS = ["train", "pretrain", "evaluate", "predict", "look", "reproduce", "data"]
QUICK = ["train", "phrases", "--n-embed", "4", "--n-heads", "2", "--epochs", "1", "--batch-size", "400"]

PRETRAIN = ["--n-embed", "4", "--max-seq-len", "24", "--epochs", "2", "--batch-size", "8", "--vocab-size", "120"]

PHRASES, MANY_PHRASES = phrases(), phrases(400).train.texts
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], as_a_reader: None) -> Run:
    """Run the command in this process: exit code, output, errors."""

    def command(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            code = main(arguments)
        except SystemExit as left:  # argparse leaves by itself
            code = int(left.code or 0)
        return code, *capsys.readouterr()

    return command


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of a model that was trained by the command."""
    folder = tmp_path_factory.mktemp("runs") / "mine"
    assert main([*QUICK, "--output", str(folder)]) == 0
    return str(folder)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make IMDB a corpus of a hundred phrases, with two recipes of a second."""
    small = Recipe("imdb", "small", model={"n_embed": 4}, training=TrainingConfig(epochs=2, batch_size=16))
    monkeypatch.setitem(recipes.CORPORA, "imdb", lambda: PHRASES)
    before = dict(recipes.RECIPES)
    recipes.RECIPES.clear()
    recipes.RECIPES.update({name: recipe for name, recipe in before.items() if recipe.corpus != "imdb"})
    recipes.RECIPES.update(small=small, large=replace(small, about="large", model={"n_embed": 6}))
    yield
    recipes.RECIPES.clear()
    recipes.RECIPES.update(before)  # in their old order, which the help shows


# It helps.


def test_help_teaches_by_examples(run: Run) -> None:
    code, out, _ = run("--help")
    assert code == 0
    assert "examples:" in out
    assert all(f"nano-bert {verb}" in out for verb in VERBS if verb != "data")


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(run: Run, verb: str) -> None:
    code, out, err = run(verb, "--help")
    assert (code, err) == (0, "")
    assert out.startswith(f"usage: nano-bert {verb}")


def test_the_examples_of_the_help_can_be_parsed() -> None:
    examples = [line.split("   ")[0] for line in EXAMPLES.splitlines() if line.startswith("  nano-bert")]
    assert len(examples) >= 6
    for example in examples:
        words = shlex.split(example)[1:]
        if "--recipe" not in words or words[words.index("--recipe") + 1] in recipes.RECIPES:
            make_parser().parse_args(words)


# It works.


def test_train_says_what_came_out_and_where_it_is(run: Run, tmp_path: Path) -> None:
    code, out, err = run(*QUICK, "--output", str(tmp_path / "new"))
    assert code == 0, err
    assert f"Kept in {tmp_path / 'new'}." in out
    assert f"nano-bert evaluate phrases --model {tmp_path / 'new'}" in out
    assert [line["epoch"] for line in json.loads((tmp_path / "new" / "history.json").read_text())] == [1]
    config = json.loads((tmp_path / "new" / "config.json").read_text())
    assert (config["hidden_size"], config["num_attention_heads"]) == (4, 2), "the options override the recipe"


def test_evaluate_prints_the_metrics_of_the_test_split(run: Run, model: str) -> None:
    code, out, _ = run("evaluate", "phrases", "--model", model)
    assert code == 0
    assert out.startswith("phrases, test split, 500 texts\naccuracy 0.")
    assert "answered:" in out
    assert "validation split" in run("evaluate", "phrases", "--model", model, "--split", "validation")[1]


def test_predict_names_label_and_words(run: Run, model: str) -> None:
    code, out, _ = run("predict", "the film was good not bad", "--model", model)
    lines = out.splitlines()
    assert code == 0
    assert lines[0].split()[0] in ("negative", "positive")
    assert lines[0].endswith("%)")
    assert len(lines) == 2 + 5
    assert all(line.split()[0] in "the film was good not bad" for line in lines[2:])


def test_predict_reads_from_standard_input(run: Run, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = run("predict", "a good film", "--model", model)
    monkeypatch.setattr(sys, "stdin", io.StringIO("a good\nfilm\n"))
    assert run("predict", "-", "--model", model) == expected


def test_data_counts_the_texts(run: Run) -> None:
    code, out, _ = run("data", "phrases")
    assert code == 0
    assert "train        4,000 texts: 2,000 negative, 2,000 positive" in out


# Pretrain.


@pytest.fixture
def texts(tmp_path: Path) -> str:
    """A text file: sixty documents of three sentences."""
    documents = [".\n".join(MANY_PHRASES[n : n + 3]) + "." for n in range(0, 180, 3)]
    (tmp_path / "stories.txt").write_text("\n\n".join(documents))
    return str(tmp_path / "stories.txt")


@pytest.mark.parametrize("pieces", [[], ["--pieces"], ["--pieces", "--whole-words"]], ids=" ".join)
@pytest.mark.parametrize("pairs", [[], ["--next-sentence"]], ids=" ".join)
def test_pretrain_leaves_a_model_that_everybody_can_open(
    run: Run, texts: str, tmp_path: Path, pieces: list[str], pairs: list[str]
) -> None:
    folder = tmp_path / "new"
    code, out, err = run("pretrain", texts, "--output", str(folder), *PRETRAIN, *pieces, *pairs)
    assert code == 0, err
    assert out.startswith("Of the words hidden in 3 other texts it guesses ")
    assert out.endswith(f"Kept in {folder}.\n")
    names = {"config.json", "model.safetensors", "record.json", "state.safetensors", "tokenizer_config.json"}
    assert {path.name for path in folder.iterdir()} == {*names, "vocab.txt"}

    record = json.loads((folder / "record.json").read_text())
    assert (record["texts"], record["validation_texts"]) == (57, 3)
    assert (record["source"], record["pieces"]) == (texts, bool(pieces))
    assert (record["share"], record["whole_words"]) == (0.2, "--whole-words" in pieces)
    assert record["training"]["batch_size"] == 8
    assert record["model"]["n_embed"] == 4
    assert [line["epoch"] for line in record["history"]] == [1, 2]
    best = min(record["history"], key=lambda line: line["validation_loss"])
    said = f"guesses {best['validation_accuracy']:.1%} (loss {best['validation_loss']:.2f}, in epoch {best['epoch']})."
    assert said in out
    assert ("validation_next_sentence" in record["history"][0]) == bool(pairs)

    kind: Any = WordTokenizer
    if pieces:
        kind = WordPieceTokenizer
        theirs = transformers.BertTokenizerFast.from_pretrained(folder)
        assert theirs("the film was good").input_ids == kind.from_pretrained(folder).encode("the film was good")
    tokenizer = kind.from_pretrained(folder)
    assert tokenizer.max_seq_len == 24
    assert 30 < len(tokenizer) <= 120
    assert record["model"]["vocab_size"] == len(tokenizer)
    model = NanoBertForPreTraining.from_pretrained(folder)
    batch = tokenizer.encode_batch(["the film was [MASK] not bad", "good"], ["but the plot", "a film"])
    ours = model(**batch)
    for opener in (transformers.AutoModelForMaskedLM, transformers.BertForPreTraining)[: 2 if pairs else 1]:
        answer = opener.from_pretrained(folder)(**batch)
        logits = answer.logits if opener is transformers.AutoModelForMaskedLM else answer.prediction_logits
        torch.testing.assert_close(ours.prediction_logits, logits, atol=1e-5, rtol=0)
    if pairs:
        logits = answer.seq_relationship_logits
        torch.testing.assert_close(ours.seq_relationship_logits, logits, atol=1e-5, rtol=0)
    classifier = NanoBertForClassification.from_pretrained(folder, labels=["bad", "good"], pooling="mean")
    assert classifier(**batch).logits.shape == (2, 2)


def results(folder: Path) -> dict[str, Any]:
    """All that the command left but the times."""
    record = json.loads((folder / "record.json").read_text())
    for line in record["history"]:
        del line["cpu_seconds"], line["wall_seconds"]
    names = ("config.json", "model.safetensors", "vocab.txt", "tokenizer_config.json")
    return {name: (folder / name).read_bytes() for name in names} | {"record.json": record}


@pytest.mark.parametrize("more", [[], ["--pieces", "--whole-words", "--next-sentence", "--dropout", "0.1"]], ids=len)
def test_pretrain_goes_on_after_ctrl_c_as_if_nothing_had_been(
    run: Run, texts: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: list[str]
) -> None:
    arguments = ["pretrain", texts, *PRETRAIN, "--share", "0.3", *more, "--output"]
    assert run(*arguments, str(tmp_path / "unbroken"))[0] == 0
    real, calls = loop.train_step, [0]

    def step(*given: Any) -> float:
        calls[0] += 1
        if calls[0] in (1, 6, 13):
            raise KeyboardInterrupt
        return real(*given)

    monkeypatch.setattr(run_module, "SAVE_EVERY", 2)
    monkeypatch.setattr(loop, "train_step", step)
    broken = str(tmp_path / "broken")
    code, out, err = run(*arguments, broken)
    assert (code, out) == (130, "")
    assert err.endswith("Stopped. The run is kept up to its last saved step: add --resume to go on.\n")
    assert run(*arguments, broken)[0] == 2, "a state is kept before the first step"
    assert run(*arguments, broken, "--resume")[0] == 130
    assert run(*arguments, broken, "--resume")[0] == 130
    assert run(*arguments, broken, "--resume")[0] == 0
    assert calls[0] > 13
    assert results(tmp_path / "broken") == results(tmp_path / "unbroken")
    assert run(*arguments, broken, "--resume")[0] == 0
    assert results(tmp_path / "broken") == results(tmp_path / "unbroken")
    code, _, err = run(*arguments, broken, "--resume", "--share", "0.2")
    assert code == 2
    assert "was started with share = 0.3, but now it is 0.2" in err
    assert results(tmp_path / "broken") == results(tmp_path / "unbroken")


@pytest.mark.parametrize("source", ["imdb", "TEXTS"])
@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ("", "holds a run already: add --resume to go on, or choose another --output."),
        ("--output new --share 15", "share is a part of the tokens: above 0 and at most 1, but it is 15.0."),
        ("--output new --n-heads 5", "cannot be shared out among n_heads=5"),
        ("--output new --epochs 0", "epochs must be above 0"),
        ("--output new --vocab-size 0", "vocab_size must be at least 1"),
        ("--output new --learning-rate nan", "learning_rate must be above 0"),
    ],
)
def test_pretrain_tells_a_mistake_before_anything_is_read(
    run: Run, texts: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, wrong: str, sentence: str
) -> None:
    monkeypatch.setattr(commands, "load_imdb", None)
    monkeypatch.setattr(commands, "read_documents", None)
    monkeypatch.chdir(tmp_path)
    for stem in ("imdb", "stories"):  # the default folders
        (tmp_path / "runs" / f"pretrained-{stem}").mkdir(parents=True)
        (tmp_path / "runs" / f"pretrained-{stem}" / "state.safetensors").touch()
    code, out, err = run("pretrain", source.replace("TEXTS", texts), *wrong.split())
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert sentence in err
    assert not (tmp_path / "new").exists()


def test_whole_words_want_pieces(run: Run, tmp_path: Path) -> None:
    code, out, err = run("pretrain", "imdb", "--whole-words", "--output", str(tmp_path / "new"))
    assert (code, out) == (2, "")
    assert "needs --pieces" in err


def test_a_run_that_is_not_there_is_not_resumed(run: Run, tmp_path: Path) -> None:
    """And that is said before anything is read."""
    for verb in (("pretrain", "imdb"), ("train", "imdb")):
        code, out, err = run(*verb, "--resume", "--output", str(tmp_path / "new"))
        assert (code, out) == (2, "")
        assert "There is no run to resume in" in err


def test_pretrain_reads_the_reviews_of_imdb(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = PHRASES
    monkeypatch.setattr(commands, "load_imdb", lambda: corpus)
    monkeypatch.chdir(tmp_path)
    seen: list[Any] = []
    real = commands.pretrain
    monkeypatch.setattr(commands, "pretrain", lambda *given: seen.append(given) or real(*given))
    given = ("--pieces", "--whole-words", "--share", "0.25", "--seed", "4")
    code, out, err = run("pretrain", "imdb", *PRETRAIN, *given)
    assert code == 0, err
    assert out.endswith("Kept in runs/pretrained-imdb.\n")
    [(model, _, texts, validation, settings, masking, _)] = seen
    assert texts is corpus.train.texts, "and neither their labels nor the test split"
    assert validation == corpus.validation.texts
    assert (masking.share, masking.whole_words, settings.seed) == (0.25, True, 4)
    assert model.next_sentence_head is None


# Reproduce.


def test_reproduce_carries_out_an_experiment(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus, seen = PHRASES, []
    monkeypatch.setattr(commands, "load_imdb", lambda: corpus)
    monkeypatch.setattr(commands, "make_few_labels_record", lambda *given: seen.append(given) or {"it": "is"})
    monkeypatch.setattr(commands, "make_starts_record", lambda *given: seen.append(given) or {"it": "was"})
    places = ("--output", str(tmp_path / "results"), "--runs", str(tmp_path / "runs"))
    code, out, err = run("reproduce", "few-labels", "--seeds", "2", *places)
    assert (code, out) == (0, f"Written to {tmp_path / 'results' / 'few-labels.json'}.\n"), err
    assert seen == [(corpus, range(100, 102), tmp_path / "runs" / "few-labels")], "seeds that chose no setting"
    assert json.loads((tmp_path / "results" / "few-labels.json").read_text()) == {"it": "is"}
    assert run("reproduce", "starts", "--seeds", "3", *places)[0] == 0
    assert seen[1:] == [(corpus, range(100, 103))]
    assert json.loads((tmp_path / "results" / "starts.json").read_text()) == {"it": "was"}


def test_reproduce_writes_down_the_words_that_count_most(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = replace(PHRASES, train=Split(["good film", "bad film"] * 9, [1, 0] * 9))
    monkeypatch.setattr(commands, "load_imdb", lambda: corpus)
    code, out, err = run("reproduce", "words", "--output", str(tmp_path))
    assert (code, out) == (0, f"Written to {tmp_path / 'words.json'}.\n"), err
    record = json.loads((tmp_path / "words.json").read_text())
    assert list(record["words"]["negative"]) == ["bad", "film", "good"]
    assert list(record["words"]["positive"]) == ["good", "film", "bad"]
    assert record["words"]["positive"]["good"] > 0 > record["words"]["negative"]["bad"]
    assert record["penalty"] in PENALTIES
    assert record["test"]["accuracy"] == 0.5, "the test split is phrases and their twins"


def test_reproduce_writes_a_complete_record(run: Run, tiny: None, tmp_path: Path) -> None:
    places = ("--output", str(tmp_path / "results"), "--runs", str(tmp_path / "runs"))
    code, out, err = run("reproduce", "imdb", *places)
    assert code == 0, err
    assert f"Written to {tmp_path / 'results' / 'imdb.json'}." in out
    record = json.loads((tmp_path / "results" / "imdb.json").read_text())
    assert record["texts"] == {"train": 80, "validation": 10, "test": 10}
    assert set(record["baselines"]) == {"majority", "bag_of_words", "bag_of_words_tf_idf"}
    assert list(record["recipes"]) == ["small", "large"]
    for result in record["recipes"].values():
        assert [run["seed"] for run in result["runs"]] == [100, 101, 102], "seeds that chose no setting"
        assert result["summary"]["accuracy"].keys() == {"mean", "sd"}
        assert result["versions"].keys() == {"python", "torch"}


def test_reproduce_keeps_the_recipes_that_it_does_not_run(run: Run, tiny: None, tmp_path: Path) -> None:
    places = ("--output", str(tmp_path), "--runs", str(tmp_path / "runs"), "--seeds", "1")
    run("reproduce", "imdb", *places)
    path = tmp_path / "imdb.json"
    record = json.loads(path.read_text())
    record["recipes"]["small"]["about"] = "as it was"
    path.write_text(json.dumps(record))
    assert run("reproduce", "imdb", "--recipe", "large", *places)[0] == 0
    assert json.loads(path.read_text())["recipes"]["small"] == record["recipes"]["small"]


def test_ctrl_c_says_how_to_go_on(run: Run, tiny: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("nano_bert.training.loop.train_step", interrupt)
    code, _, err = run("reproduce", "imdb", "--output", str(tmp_path), "--runs", str(tmp_path))
    assert code == 130
    assert err.endswith("Stopped. All runs are kept: the same command goes on where it was.\n")
    assert "baselines" in json.loads((tmp_path / "imdb.json").read_text()), "what was finished is written"


# Mistakes.


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("", "the following arguments are required: COMMAND"),
        ("teach phrases", "invalid choice: 'teach'"),
        ("train films", "argument corpus: invalid choice: 'films'"),
        ("train phrases --recipe huge", "argument --recipe: invalid choice: 'huge'"),
        ("train phrases --epochs many", "argument --epochs: invalid int value: 'many'"),
        ("train imdb --recipe phrases", "The recipe phrases is for phrases, not for imdb."),
        ("train phrases --n-heads 3 --output OUT", "cannot be shared out among n_heads=3"),
        ("train phrases --epochs 0 --output OUT", "epochs must be above 0, but it is 0."),
        ("train phrases --max-seq-len 2 --output OUT", "max_seq_len=2 leaves no room for a word"),
        ("train phrases --output FILE", "is a file, but a run is kept in a folder"),
        ("train phrases --output FILE/in", "Not a directory"),
        ("train phrases --resume --output OUT", "There is no run to resume in"),
        ("evaluate phrases --model EMPTY", "is not a saved model: it has no file config.json"),
        ("evaluate phrases", "No model for phrases comes with the package. Train one, and name it: --model runs/NAME"),
        ("predict good --model nothing", "nothing is neither a folder nor a model of the package"),
        ("pretrain nothing.txt --output OUT", "There is no text file nothing.txt"),
        ("pretrain FILE --output OUT", "holds no text"),
        ("pretrain LATIN --output OUT", "is not a text in UTF-8: "),
        ("pretrain BINARY --output OUT", "is not a text"),
        ("pretrain LINE --output OUT", "Learning and measuring want 20 documents at least, but there are 1."),
        ("pretrain LINES --next-sentence --output OUT", "no text has two sentences with words of the vocabulary"),
        ("pretrain LINES --vocab-size 5 --output OUT", "max_vocab_size=5 leaves no room for a word"),
        ("pretrain LINES --pieces --vocab-size 6 --output OUT", "vocab"),
        ("pretrain LINES --max-seq-len 4 --next-sentence --output OUT", "max_seq_len=4 leaves no room for a word"),
        ("pretrain LINES --vocab-size 9999999999 --output OUT", "is the limit here"),
        ("pretrain LINES --word-dropout 0.1", "unrecognized arguments: --word-dropout 0.1"),
        ("reproduce few-labels --recipe phrases", "few-labels is an experiment by itself and has no recipes: leave"),
        ("reproduce few-labels --seeds 0", "--seeds must be at least 1, but it is 0."),
    ],
)
def test_a_mistake_is_answered_by_a_sentence(run: Run, tmp_path: Path, command: str, sentence: str) -> None:
    places = {"OUT": tmp_path / "out", "FILE": tmp_path / "file", "EMPTY": tmp_path / "empty"}
    places["FILE"].touch()
    places["EMPTY"].mkdir()
    contents = {
        "LATIN": "café".encode("latin-1"), "BINARY": bytes(100), "LINES": b"a good film\n" * 40, "LINE": b"good. " * 999
    }  # fmt: skip
    for name, content in contents.items():
        places[name] = tmp_path / name.lower()
        places[name].write_bytes(content)
    for name, place in sorted(places.items(), reverse=True):  # LINES before LINE
        command = command.replace(name, str(place))
    code, out, err = run(*command.split())
    assert (code, out) == (2, "")
    last = err.splitlines()[-1]
    assert last.startswith("nano-bert")
    assert sentence in last
    assert not (tmp_path / "out").exists(), "a mistake leaves nothing behind"


BELOW_1 = st.integers(-(10**30), 0)
TOO_LARGE = st.floats(1, exclude_min=True)  # infinity, too
NO_SHARE = st.floats(max_value=0, exclude_max=True) | TOO_LARGE | st.just(math.nan)
WRONG: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(("n_layers", "n_heads", "n_embed", "max_seq_len", "epochs", "batch_size"), BELOW_1),
    "seed": st.integers(max_value=-1) | st.integers(min_value=2**32),
    **dict.fromkeys(("dropout", "learning_rate", "word_dropout", "share"), NO_SHARE),
}
OPTIONS = {
    "train phrases": [*MODEL_OPTIONS, *TRAINING_OPTIONS],
    "pretrain LINES": [*MODEL_OPTIONS, *(name for name in TRAINING_OPTIONS if name != "word_dropout"), "share"],
}


@pytest.mark.parametrize("command", OPTIONS)
@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
def test_any_number_that_makes_no_sense_is_answered_by_a_sentence(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, data: st.DataObject
) -> None:
    """Whatever the option: exit code 2, one line that names the setting and the number, and nothing is left behind."""
    monkeypatch.setitem(recipes.CORPORA, "phrases", lambda: PHRASES)
    (tmp_path / "lines").write_text("a good film\n" * 40)
    name = data.draw(st.sampled_from(OPTIONS[command]))
    value = data.draw(WRONG[name])
    words = command.replace("LINES", str(tmp_path / "lines")).split()
    option = f"--{name.replace('_', '-')}={value}"
    code, out, err = run(*words, option, "--output", str(tmp_path / "out"))
    assert (code, out) == (2, "")
    assert err.splitlines()[-1].startswith(f"nano-bert: {name}")
    assert str(value) in err.splitlines()[-1]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("verb", VERBS)
def test_a_word_too_few_or_too_many_is_a_mistake(run: Run, verb: str) -> None:
    for words, sentence in (
        ([], "the following arguments are required: "),
        (["imdb", "--colour", "red"], "unrecognized arguments: --colour"),
    ):
        code, out, err = run(verb, *words)
        assert (code, out) == (2, "")
        assert sentence in err.splitlines()[-1]


@pytest.mark.parametrize("text", ["", "  "])
def test_an_empty_text_is_a_mistake(run: Run, model: str, text: str) -> None:
    code, _, err = run("predict", text, "--model", model)
    assert code == 2
    assert err.startswith("nano-bert: There is no word to judge in")


def test_a_model_for_other_classes_is_a_mistake(run: Run, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = PHRASES
    monkeypatch.setitem(recipes.CORPORA, "phrases", lambda: replace(corpus, label_names=("normal", "toxic")))
    code, _, err = run("evaluate", "phrases", "--model", model)
    assert code == 2
    assert "phrases has the classes ('normal', 'toxic'), but the model ('negative', 'positive')." in err


@pytest.mark.parametrize("verb", [("data",), ("train",), ("reproduce",), ("evaluate", "--model", "MODEL")], ids=str)
def test_no_data_and_no_network_is_a_sentence(
    run: Run, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: tuple[str, ...]
) -> None:
    monkeypatch.setenv("NANO_BERT_DATA", str(tmp_path))
    source = replace(SOURCES["aclImdb_v1.tar.gz"], url="http://127.0.0.1:9/aclImdb_v1.tar.gz")
    monkeypatch.setitem(SOURCES, "aclImdb_v1.tar.gz", source)
    monkeypatch.setattr("nano_bert.cli.commands.RECIPES", {"any": Recipe("imdb", "any")})
    arguments = [model if word == "MODEL" else word for word in verb[1:]]
    code, _, err = run(verb[0], "imdb", *arguments)
    assert code == 2
    last = err.splitlines()[-1]
    assert last.startswith("nano-bert: Could not get aclImdb_v1.tar.gz: no connection to the server")
    assert f"put it at {tmp_path / 'aclImdb_v1.tar.gz'}." in last


def test_a_corpus_without_a_recipe_is_a_sentence(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nano_bert.cli.commands.RECIPES", {})
    for verb in ("train", "reproduce"):
        assert run(verb, "imdb") == (2, "", "nano-bert: There is no recipe for imdb.\n")


def test_a_record_that_is_none_is_not_overwritten(run: Run, tiny: None, tmp_path: Path) -> None:
    (tmp_path / "imdb.json").write_text("{half a record")
    code, _, err = run("reproduce", "imdb", "--output", str(tmp_path), "--runs", str(tmp_path))
    assert code == 2
    assert "imdb.json is not a run record" in err
    assert (tmp_path / "imdb.json").read_text() == "{half a record"


# As a process.


def test_a_reader_who_goes_away_is_no_error() -> None:
    """As in `nano-bert --help | head -1`: the far end of the pipe is closed."""
    reading, writing = os.pipe()
    os.close(reading)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    environment["PYTHONPATH"] = str(Path(__file__).parents[2])
    command = [sys.executable, "-m", "nano_bert", "--help"]
    process = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, env=environment, timeout=100)
    os.close(writing)
    assert (process.returncode, process.stderr) == (141, "")


def test_who_goes_away_while_the_command_works_is_no_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    monkeypatch.setattr(sys, "stdout", os.fdopen(writing, "w", encoding="utf-8"))
    assert main(["data", "phrases"]) == 141
    assert capsys.readouterr().err == ""


def test_a_mistake_leaves_no_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """As `python -m nano_bert` would be called."""
    monkeypatch.setattr(sys, "argv", ["nano_bert", "predict", "good", "--model", "nothing"])
    with pytest.raises(SystemExit) as left:
        runpy.run_module("nano_bert", run_name="__main__")
    assert left.value.code == 2
    err = capsys.readouterr().err
    assert err.startswith("nano-bert: nothing is neither a folder nor a model of the package")
    assert err.count("\n") == 1


def test_words_that_the_model_does_not_know_are_owned_up_to(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", "zzzz qqqq"]) == 0
    assert "knows none of these words" in capsys.readouterr().out
    assert main(["predict", "a wonderful film"]) == 0
    assert "knows none of these words" not in capsys.readouterr().out
