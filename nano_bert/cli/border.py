"""The border between the command and its reader: whatever happens inside, a sentence and an exit code come out.

Nothing heavy is imported here, so that Ctrl-C is answered from the first moment on.
"""

import linecache
import os
import signal
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager

LONGEST = 1_500  # characters of a message: less than a screen

# What Python and PyTorch say of these is for programmers.
MEANINGS: tuple[tuple[type[Exception], str], ...] = (
    (MemoryError, "there is not enough memory for this. Take a smaller model, shorter texts or a smaller --batch-size"),
    (RecursionError, "something that was given is nested too deeply to be read"),
    (OverflowError, "a number that was given is too large to compute with"),
    (NotImplementedError, "PyTorch cannot compute this here. Take another --device or --dtype"),
    (UnicodeError, "something that was given is not text in UTF-8"),
)


def at_the_border(work: Callable[[], None], after_ctrl_c: Callable[[], str] = str) -> int:
    """Do something; whatever happens, say it in a sentence.

    Args:
        work: What to do.
        after_ctrl_c: Says what is left of it, when Ctrl-C stops it.

    Returns:
        The exit code: 0, or 2 after a mistake, or 130 after Ctrl-C, or 141 when the reader of the output has gone.
    """
    open_streams()
    try:
        work()
        sys.stdout.flush()  # now, where a reader who has gone can still be told from a mistake
    except KeyboardInterrupt:
        print(f"\nStopped. {after_ctrl_c()}".rstrip(" "), file=sys.stderr)
        return 130
    except BrokenPipeError:
        drop_output()
        return 141
    except Exception as error:
        from nano_bert.tokenizer.check_given import shown

        print(f"nano-bert: {shown(sentence(error), LONGEST)}", file=sys.stderr)
        if os.environ.get("NANO_BERT_TRACEBACK"):
            raise
        try:
            sys.stdout.flush()
        except OSError:  # a full disk: Python would try once more, and complain
            drop_output()
        return 2
    return 0


def sentence(error: Exception) -> str:
    """Say what an error means: the sentence that our code wrote, or one for its kind."""
    from nano_bert.data.download import DataError, in_words

    if isinstance(error, OSError) or (isinstance(error, DataError | ValueError | TypeError) and is_ours(error)):
        return in_words(error)
    for kind, meaning in MEANINGS:
        if isinstance(error, kind):
            return f"{meaning}."
    if isinstance(error, RuntimeError) and "memory" in str(error).lower():  # so PyTorch says it
        return f"{MEANINGS[0][1]}."
    return (
        f"this should not have happened ({type(error).__name__}: {error!s:.300}). Please report it; with the "
        f"environment variable NANO_BERT_TRACEBACK=1 you see where it was."
    )


def is_ours(error: Exception) -> bool:
    """Say whether our code raised an error, in our words, and not Python or a library in theirs."""
    place = error.__traceback__
    if place is None:
        return True
    while place.tb_next is not None:
        place = place.tb_next
    line = linecache.getline(place.tb_frame.f_code.co_filename, place.tb_lineno).strip()
    module = str(place.tb_frame.f_globals.get("__name__", ""))
    return module.startswith("nano_bert") and (not line or line.startswith("raise"))


def open_streams() -> None:
    """Give the command streams that it can write to: a closed one leads nowhere; what it cannot encode becomes "?"."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115 (it is open to the end)
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def drop_output() -> None:
    """Let what Python still wants to print go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def quick_to_leave() -> Generator[None, None, None]:
    """Leave at once on Ctrl-C: in the middle of an import an exception may be lost, or end in a traceback."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(*_: object) -> None:
        os.write(2, b"\nStopped.\n")
        os._exit(130)

    before = signal.signal(signal.SIGINT, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
