"""Many processes: they learn what one learns, only the first writes, and none goes on without the others.

This file is also the program that the processes run: `torchrun -m tests.fast.test_distributed WHAT FOLDER`. What starts
processes takes seconds, so most is done in one start; what needs several is left to `pytest -m slow`.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from io import StringIO
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch import distributed as group

from nano_bert import NanoBertForClassification, NanoBertForPreTraining, WordTokenizer
from nano_bert.bert_module import BertModule
from nano_bert.cli import commands
from nano_bert.cli.arguments import main, make_parser
from nano_bert.data import Corpus, Split
from nano_bert.fast import distributed
from nano_bert.fast.data_parallel import gather, mean_loss, own_rows, sum_over_processes
from nano_bert.fast.distributed import first_goes_first, is_first, joined, launched, own_device, rank, world_size
from nano_bert.task_heads import IGNORED
from nano_bert.training import TrainingConfig, loop, pretrain, train
from nano_bert.training import run as runs
from nano_bert.training.classification import Classification
from nano_bert.training.evaluation import evaluate
from nano_bert.training.masking import Masking
from nano_bert.training.pretraining import Pretraining
from nano_bert.training.resume import STATE_FILE
from tests.phrases import phrases

PHRASES = phrases()
TOKENIZER = WordTokenizer.from_texts(PHRASES.train.texts, max_seq_len=32)
# Odd numbers, which no two processes can share evenly: 78 texts make 11 batches of 7, and one of a single text.
CORPUS = Corpus(
    "odd",
    PHRASES.label_names,
    Split(PHRASES.train.texts[:78], PHRASES.train.labels[:78]),
    Split(PHRASES.validation.texts[:9], PHRASES.validation.labels[:9]),
    PHRASES.test,
)
STORIES = [". ".join(PHRASES.train.texts[n : n + 2]) + "." for n in range(0, 74, 2)]  # 37, in batches of 3
ASIDE = [". ".join(PHRASES.validation.texts[n : n + 2]) + "." for n in range(0, 10, 2)]
LABELS = TrainingConfig(epochs=2, batch_size=7, learning_rate=1e-2, word_dropout=0.1)
WORDS = TrainingConfig(epochs=2, batch_size=3, learning_rate=1e-2)
SIZES = {"vocab_size": len(TOKENIZER), "n_embed": 8, "n_heads": 2, "max_seq_len": 32, "initializer_range": 0.3}
ARGUMENTS = ["train", "phrases", "--n-embed", "4", "--batch-size", "400", "--epochs", "2", "--seed", "1"]  # 20 steps
DIES_AT, SAVE_EVERY = 16, 4  # a step in the midst of the second epoch, and how often the state is kept

Trained = tuple[BertModule, list[dict[str, Any]]]


# What the processes do.


def learn_labels(**settings: Any) -> Trained:
    torch.manual_seed(rank())  # the copies start alike, whatever they drew
    model = NanoBertForClassification(**SIZES, dropout=0.0, **settings)
    return model, train(model, TOKENIZER, CORPUS, LABELS)


def learn_words(**settings: Any) -> Trained:
    torch.manual_seed(rank())
    model = NanoBertForPreTraining(**SIZES, dropout=0.0, **settings)
    return model, pretrain(model, TOKENIZER, STORIES, ASIDE, WORDS)


LESSONS: dict[str, Callable[[], Trained]] = {
    "labels, read from [CLS]": lambda: learn_labels(pooling="cls"),
    "labels, read from the mean": lambda: learn_labels(pooling="mean"),  # its pooler has no gradient
    "hidden words": lambda: learn_words(pooler=False),
    "hidden words and pairs": lambda: learn_words(pooler=True),
}


def take_lesson(name: str, folder: Path) -> dict[str, Any]:
    """Learn, write down the loss of each step and what was measured, and keep the weights of this process."""
    losses: list[float] = []
    real = loop.train_step

    def noting(*arguments: Any) -> float:
        losses.append(real(*arguments))
        return losses[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "train_step", noting)
        model, history = LESSONS[name]()
    save_file(model.state_dict(), folder / f"{name}-{rank()}.safetensors")
    measured = [{key: value for key, value in line.items() if key.startswith("validation")} for line in history]
    return {"losses": losses, "measured": measured, "train_loss": [line["train_loss"] for line in history]}


def confusions() -> list[list[list[int]]]:
    """Measure one model on splits of any size, also with fewer texts than processes."""
    torch.manual_seed(3)
    model = NanoBertForClassification(**SIZES, pooling="mean")
    texts, labels = PHRASES.train.texts, PHRASES.train.labels
    return [evaluate(model, TOKENIZER, Split(texts[:n], labels[:n])).confusion for n in (1, 2, 3, 8, 77)]


def lose_a_number() -> str:
    """Train with a loss that is no number in the last process alone, and return what this one says of it."""
    real = Classification.losses

    def losses(task: Classification, batch: Any) -> list[tuple[Tensor, int]]:
        [(loss, count)] = real(task, batch)
        return [(loss * (float("nan") if rank() == world_size() - 1 else 1.0), count)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Classification, "losses", losses)
        with pytest.raises(ValueError) as error:  # noqa: PT011 (the test compares the words)
            learn_labels()
    return str(error.value)


def write(folder: Path) -> None:
    """Let each process write its results into a folder with its own number."""
    stories = folder / "stories.txt"
    with first_goes_first():
        if is_first():
            stories.write_text("\n\n".join(STORIES))
    for verb, what in (("train", "phrases"), ("pretrain", str(stories))):
        words = [verb, what, "--epochs", "1", "--batch-size", "400", "--n-embed", "4"]
        options = make_parser().parse_args([*words, "--output", str(folder / f"{verb}-{rank()}")])
        with redirect_stdout(StringIO()):
            getattr(commands, options.run)(options)


def learn_together(folder: Path) -> None:
    """Do all of this, and write down what came out."""
    answers: dict[str, Any] = {name: take_lesson(name, folder) for name in LESSONS}
    answers |= {"confusions": confusions(), "no number": lose_a_number()}
    (folder / f"answers-{rank()}.json").write_text(json.dumps(answers))
    write(folder)


def fail_at_a_step(folder: Path, fail: Callable[[], None], first: Callable[[], None] = lambda: None) -> int:
    """Run the command; at a step, one process fails while the first is busy, or waits for the other.

    What else is to be done together is done `first`, when the processes have joined, which saves another start.
    """
    train, step, steps = commands.run_train, loop.train_step, count(1)

    def failing(*arguments: Any) -> float:
        if next(steps) == DIES_AT:
            fail()
        return step(*arguments)

    def run_train(options: Namespace) -> None:
        commands.run_train = train
        first()
        runs.SAVE_EVERY, loop.train_step = SAVE_EVERY, failing
        train(options)

    commands.run_train = run_train
    return main([*ARGUMENTS, "--output", str(folder)])


def be_killed() -> None:
    if not is_first():
        os.kill(os.getpid(), signal.SIGKILL)
    signal.pause()  # busy, and not listening: nobody tells this process that the other one is gone but torchrun


def stumble() -> None:
    if not is_first():
        raise ValueError("a planted error")


PROGRAMS: dict[str, Callable[[Path], int]] = {
    "learn and die": lambda folder: fail_at_a_step(folder / "killed", be_killed, lambda: learn_together(folder)),
    "stumble": lambda folder: fail_at_a_step(folder, stumble),
}


# How they are started.


def run(*command: str) -> tuple[int, str, str]:
    """Let two processes run one command, `-m module` and its arguments. A free port is found by torchrun itself."""
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": root}
    words = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", *command]
    launched = subprocess.Popen(words, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        out, err = launched.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        launched.terminate()  # and torchrun ends the others
        pytest.fail(f"The processes hang. They said: {launched.communicate()}")
    return launched.returncode, out, err


@pytest.fixture
def as_one_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process believe that torchrun started it and another one."""
    for name, value in (("WORLD_SIZE", "2"), ("RANK", "1"), ("LOCAL_RANK", "1"), ("TORCHELASTIC_RUN_ID", "test")):
        monkeypatch.setenv(name, value)


# Sharing.


@given(st.integers(1, 40), st.integers(1, 9))
def test_the_parts_of_all_processes_are_the_batch_each_row_once(n_rows: int, n_processes: int) -> None:
    batch = {"input_ids": torch.arange(2 * n_rows).view(n_rows, 2), "labels": torch.arange(n_rows)}
    parts = [own_rows(batch, process, n_processes) for process in range(n_processes)]
    assert sorted(torch.cat([part["labels"] for part in parts]).tolist()) == list(range(n_rows))
    assert all(torch.equal(part["input_ids"], batch["input_ids"][part["labels"]]) for part in parts), "rows stay whole"
    sizes = [len(part["labels"]) for part in parts]
    assert max(sizes) - min(sizes) <= 1, "nobody has much more to do than another"


def test_the_lessons_hold_what_is_hard_to_share() -> None:
    """A batch with fewer rows than processes, and a process without any hidden word, or with far fewer than another."""
    source = torch.Generator().manual_seed(0)
    labels = Classification(NanoBertForClassification(**SIZES), TOKENIZER, CORPUS, LABELS)
    assert {len(batch["labels"]) for batch in labels.batches(source)} == {1, 7}
    for pooler in (False, True):
        model = NanoBertForPreTraining(**SIZES, pooler=pooler)
        words = Pretraining(model, TOKENIZER, STORIES, ASIDE, WORDS, Masking())
        batches = [batch["labels"] for batch in words.batches(source)]
        assert {len(labels) for labels in batches} == {1, 3}
        hidden = [[int((labels[process::2] != IGNORED).sum()) for process in range(2)] for labels in batches]
        assert any(0 in both for both in hidden)
        assert len({first / max(1, first + second) for first, second in hidden}) > 3


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("alone")
    return folder, {**{name: take_lesson(name, folder) for name in LESSONS}, "confusions": confusions()}


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int, str, str]:
    """The folder of a run of which one process was killed, the exit code of all, and what they said."""
    folder = tmp_path_factory.mktemp("together")
    return folder / "killed", *run("-m", "tests.fast.test_distributed", "learn and die", str(folder))


@pytest.fixture(scope="module")
def together(killed: tuple[Path, int, str, str]) -> tuple[Path, list[dict[str, Any]]]:
    """What came out of both processes, in the order of their numbers."""
    folder = killed[0].parent
    answers = [folder / f"answers-{n}.json" for n in range(2)]
    assert all(path.is_file() for path in answers), killed[3]
    return folder, [json.loads(path.read_text()) for path in answers]


@pytest.mark.parametrize("name", LESSONS)
def test_many_learn_what_one_learns(alone: Any, together: Any, name: str) -> None:
    expected, found = alone[1][name], [answers[name] for answers in together[1]]
    assert len(expected["losses"]) >= 20
    for answers in found:
        assert answers["losses"] == pytest.approx(expected["losses"], abs=1e-5)
        assert answers["train_loss"] == pytest.approx(expected["train_loss"], abs=1e-5)
        assert len(answers["measured"]) == len(expected["measured"]) == 2
        for ours, theirs in zip(answers["measured"], expected["measured"], strict=True):
            exact = {"validation_accuracy", "validation_macro_f1", "validation_next_sentence"} & theirs.keys()
            assert {key: ours[key] for key in exact} == {key: theirs[key] for key in exact}
            assert ours == pytest.approx(theirs, abs=1e-6)
    assert expected["losses"][-1] != expected["losses"][0]


@pytest.mark.parametrize("name", LESSONS)
def test_many_end_with_the_weights_of_one(alone: Any, together: Any, name: str) -> None:
    expected = load_file(alone[0] / f"{name}-0.safetensors")
    found = [load_file(together[0] / f"{name}-{n}.safetensors") for n in range(len(together[1]))]
    for key, weight in expected.items():
        assert all(torch.equal(weights[key], found[0][key]) for weights in found), "all copies are the same"
        # A key's bias adds the same to all scores of a row, so its gradient is nothing but rounding.
        if not key.endswith("key.bias"):
            torch.testing.assert_close(found[0][key], weight, atol=1e-4, rtol=0, msg=lambda text, key=key: key + text)


def test_many_measure_what_one_measures(alone: Any, together: Any) -> None:
    assert all(answers["confusions"] == alone[1]["confusions"] for answers in together[1])


def test_a_loss_that_is_no_number_in_one_process_is_told_by_all(together: Any) -> None:
    sentences = {answers["no number"] for answers in together[1]}
    assert sentences == {"The loss is nan: the weights grew too large. Take a lower learning_rate."}


@pytest.mark.parametrize("verb", ["train", "pretrain"])
def test_only_the_first_writes(together: Any, verb: str) -> None:
    folder, answers = together
    assert [(folder / f"{verb}-{n}").exists() for n in range(len(answers))] == [True, *[False] * (len(answers) - 1)]
    written = {path.name for path in (folder / f"{verb}-0").iterdir()}
    record = "history.json" if verb == "train" else "record.json"
    assert written == {STATE_FILE, "model.safetensors", "config.json", "vocab.txt", "tokenizer_config.json", record}


# The command.


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """The folder of a run of two processes that nothing happened to, and what it printed."""
    folder = tmp_path_factory.mktemp("runs") / "unbroken"
    code, out, err = run("-m", "nano_bert", *ARGUMENTS, "--output", str(folder))
    assert code == 0, err
    return folder, out, err


def sentences(err: str) -> list[str]:
    """Return what our processes said; a progress bar may stand before it in the line."""
    return re.findall(r"nano-bert: (.*)", err)


def results(folder: Path) -> tuple[dict[str, Tensor], list[dict[str, Any]]]:
    history = json.loads((folder / "history.json").read_text())
    return load_file(folder / "model.safetensors"), [
        {key: value for key, value in line.items() if not key.endswith("seconds")} for line in history
    ]


@pytest.mark.slow
def test_nothing_is_printed_twice(finished: tuple[Path, str, str]) -> None:
    folder, out, err = finished
    ours = [line for line in out.splitlines() if "Gloo" not in line]
    assert len(ours) == 2
    assert ours[0].startswith("Best on validation: 0.")
    assert ours[1].endswith(f"nano-bert evaluate phrases --model {folder}")
    assert err.count("Training phrases with seed 1") == 1
    assert [err.count(f"epoch {n}/2:   0%") for n in (1, 2)] == [1, 1]
    assert "Traceback" not in err


def test_a_process_that_is_killed_ends_the_run(killed: tuple[Path, int, str, str]) -> None:
    folder, code, out, err = killed
    assert code != 0
    assert "Best on validation" not in out
    [said] = sentences(err)
    assert re.search(r"process 0 of 2 .* has lost another one\. The run is kept .* start it again with --resume", said)
    assert {path.name for path in folder.iterdir()} == {STATE_FILE}, "no half-written file is left"


@pytest.mark.slow
def test_a_run_that_lost_a_process_goes_on_bit_for_bit(killed: Any, finished: Any, tmp_path: Path) -> None:
    shutil.copy(killed[0] / STATE_FILE, tmp_path)
    code, _, err = run("-m", "nano_bert", *ARGUMENTS, "--output", str(tmp_path), "--resume")
    assert code == 0, err
    weights, history = results(finished[0])
    resumed, resumed_history = results(tmp_path)
    assert all(torch.equal(weight, resumed[name]) for name, weight in weights.items())
    assert resumed_history == history


@pytest.mark.slow
def test_a_process_that_stumbles_ends_the_run_and_both_say_why(tmp_path: Path) -> None:
    code, _, err = run("-m", "tests.fast.test_distributed", "stumble", str(tmp_path))
    assert code != 0
    said = sentences(err)
    assert len(said) == 2, err
    [stumbled] = [sentence for sentence in said if "a planted error" in sentence]
    [lost] = [sentence for sentence in said if sentence != stumbled]
    assert lost.startswith("process 0 of 2 (counted from 0) has lost another one, so the run ends here (")
    assert lost.endswith("). The run is kept up to its last saved step, if there is one: start it again with --resume.")


@pytest.mark.slow
def test_a_run_goes_on_with_as_many_processes_as_before(
    finished: tuple[Path, str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, before = finished[0], results(finished[0])[1]
    assert main([*ARGUMENTS, "--output", str(folder), "--resume"]) == 2
    assert "was started with processes = 2, but now it is 1. Go on with the same" in capsys.readouterr().err
    assert results(folder)[1] == before


# Before anything starts.


@pytest.mark.parametrize("words", [["evaluate", "phrases"], ["predict", "good"], ["reproduce", "imdb"]], ids=str)
def test_only_a_training_can_be_shared(
    as_one_of_two: None, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert main(words) == 2
    sentence = "torchrun starts many processes, but only train and pretrain can share their work."
    assert sentence in capsys.readouterr().err


@pytest.fixture
def handler() -> Iterator[Any]:
    before = signal.getsignal(signal.SIGTERM)
    yield before
    signal.signal(signal.SIGTERM, before)


def test_one_process_alone_is_left_as_it_is(handler: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")  # said by something else than torchrun, such as a queue of jobs
    with joined("a device of any name"):
        assert not group.is_initialized()
        assert (rank(), world_size(), launched()) == (0, 1, 1)
        assert is_first()
        assert own_device("cuda") == "cuda"
        model, numbers = torch.nn.Linear(1, 1), torch.tensor([1.0, 2.0])
        loss_of = mean_loss(model, lambda rows: [(rows["x"].sum(), 2), (rows["x"].sum(), 4)], torch.device("cpu"))
        assert loss_of({"x": numbers}).item() == 3 / 2 + 3 / 4
        assert sum_over_processes(numbers) is numbers
        assert gather(numbers).tolist() == [[1.0, 2.0]]
        with first_goes_first():
            pass
    assert signal.getsignal(signal.SIGTERM) == handler


def test_each_process_has_a_card_of_its_own(as_one_of_two: None) -> None:
    assert launched() == 2
    assert [own_device(name) for name in ("cuda", "cpu")] == ["cuda:1", "cpu"]


@pytest.mark.parametrize(("number", "order"), [(0, ["work", "barrier"]), (1, ["barrier", "work"])])
def test_the_first_goes_first(monkeypatch: pytest.MonkeyPatch, number: int, order: list[str]) -> None:
    """It comes to the barrier with its work done, and the others come to it before theirs."""
    done: list[str] = []
    monkeypatch.setattr(distributed, "rank", lambda: number)
    monkeypatch.setattr(distributed, "world_size", lambda: 2)
    monkeypatch.setattr(group, "barrier", lambda: done.append("barrier"))
    with first_goes_first():
        done.append("work")
    assert done == order


@pytest.mark.parametrize("device", ["mps", "xpu", "cuda:0", "gpu"])
def test_many_processes_train_where_they_can_talk(as_one_of_two: None, handler: Any, device: str) -> None:
    with (
        pytest.raises(ValueError, match=f"Many processes can train on cpu or cuda, but not on '{device}'"),
        joined(device),
    ):
        pass
    assert signal.getsignal(signal.SIGTERM) == handler


@pytest.mark.parametrize(("n_cards", "sentence"), [(0, "PyTorch finds none on this machine"), (1, "there are 1,")])
def test_more_processes_than_cards(
    as_one_of_two: None, monkeypatch: pytest.MonkeyPatch, n_cards: int, sentence: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: n_cards > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: n_cards)
    with pytest.raises(ValueError, match=f"device 'cuda:1' was asked for, but .*{sentence}"), joined("cuda"):
        pass


def test_an_error_of_another_kind_is_not_taken_for_a_lost_process(
    as_one_of_two: None, handler: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group, "init_process_group", lambda *_, **__: None)
    with pytest.raises(RuntimeError, match="a mistake of our own"), joined("cpu"):
        raise RuntimeError("a mistake of our own")
    sentence = r"process 1 of 2 .* has lost another one, so the run ends here \(gloo: closed\)\. The run is kept"
    with pytest.raises(ConnectionError, match=sentence), joined("cpu"):
        raise RuntimeError("gloo: closed\nand much more")


if __name__ == "__main__":
    sys.exit(PROGRAMS[sys.argv[1]](Path(sys.argv[2])))
