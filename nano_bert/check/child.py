"""What runs in the process of its own: the reader's file is run here, and judged; nothing here is seen by the reader.

Everything that happens is written down at once, a line of JSON for each event, so that the parent knows how far it came
when the file ends the process, stops it for ever, or makes it crash.
"""

import faulthandler
import json
import math
import signal
import sys
import traceback
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from nano_bert.check.exercises import EXERCISES
from nano_bert.check.rungs import LADDER, Rung

MEMORY = 4 * 2**30  # bytes beyond what Python and torch take by themselves


def main(file: str, events: str, trace: str, seconds: float, most: float, words: Sequence[str]) -> None:
    """Judge some rungs of a file, or something else of it.

    Args:
        file: The reader's file.
        events: Where to write what happens.
        trace: Where to write in which line the file was when its time was over.
        seconds: How long each rung may take, in time of the processor.
        most: The same on a clock, for what waits and does nothing.
        words: The numbers of the rungs; or that of an exercise, such as "4.4".
    """
    sys.dont_write_bytecode = True  # nothing is left in the reader's folder
    with Path(events).open("a", encoding="utf-8") as out, Path(trace).open("w", encoding="utf-8") as stuck:

        def tell(**what: Any) -> None:
            out.write(json.dumps(what) + "\n")
            out.flush()

        import torch

        from nano_bert.check import judge

        torch.set_num_threads(1)
        limit_memory()
        if hasattr(signal, "SIGXCPU"):  # sent when the time of the processor is over
            faulthandler.register(signal.SIGXCPU, file=stuck, chain=True)

        @contextmanager
        def watch(number: int) -> Generator[None, None, None]:
            """Give a rung its time; what runs when it is over stands in the trace."""
            tell(stage=number)
            faulthandler.dump_traceback_later(most, exit=True, file=stuck)
            limit_processor(seconds)
            try:
                yield
            finally:
                faulthandler.cancel_dump_traceback_later()
                limit_processor(None)

        try:
            with watch(0):
                parts = load(Path(file))
        except LoadError as error:
            tell(refused=str(error))
            return
        for report in judge.Judge(parts, watch).climb([rung_of(word) for word in words]):
            tell(report=report.to_dict())
        tell(stage="end")


def rung_of(word: str) -> Rung:
    """Return a rung by its number, or an exercise, which is judged in the same way."""
    return EXERCISES[word] if word in EXERCISES else LADDER[int(word) - 1]


def limit_processor(seconds: float | None) -> None:
    """Let the process compute only so much longer, where the system can see to that; None for as long as it likes."""
    try:
        import resource

        most = resource.getrlimit(resource.RLIMIT_CPU)[1]
        used = resource.getrusage(resource.RUSAGE_SELF)
        soft = most if seconds is None else math.ceil(used.ru_utime + used.ru_stime + seconds)
        resource.setrlimit(resource.RLIMIT_CPU, (soft, most))
    except (ImportError, OSError, ValueError):  # Windows cannot
        return


def limit_memory() -> None:
    """Let the process take no more memory than is good for the reader's computer, where the system can say so."""
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        most = pages * resource.getpagesize() + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (most, resource.getrlimit(resource.RLIMIT_AS)[1]))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, OSError, ValueError):  # neither Windows nor macOS can
        return


class LoadError(Exception):
    """Why a file cannot be run, in a sentence for the reader."""


def load(file: Path) -> ModuleType:
    """Run the reader's file and return it as a module.

    Raises:
        LoadError: If it cannot be run; the message says why.
    """
    sys.path.insert(0, str(file.parent))  # it may import its neighbours
    module = ModuleType(file.stem)
    module.__file__ = str(file)
    sys.modules[file.stem] = module
    try:
        code = compile(file.read_bytes(), str(file), "exec")
        exec(code, module.__dict__)
    except SyntaxError as error:
        where = f" in line {error.lineno}" if error.lineno and error.filename == str(file) else ""
        line = f": `{error.text.strip()}`" if error.text else ""
        raise LoadError(f"Python cannot read {file.name}: {error.msg}{where}{line}") from error
    except ModuleNotFoundError as error:
        raise LoadError(
            f"{file.name} imports {error.name}{line_in(file, error)}, and there is no such module: neither is it "
            f"installed, nor does a file {str(error.name).partition('.')[0]}.py stand beside it."
        ) from error
    except SystemExit as error:
        raise LoadError(
            f"{file.name} ends Python{line_in(file, error)} (sys.exit or the like): take that out."
        ) from error
    except BaseException as error:
        what = str(error).strip().partition("\n")[0]
        raise LoadError(
            f"{file.name} stops{line_in(file, error)} before anything can be looked at: {type(error).__name__}: {what}"
        ) from error
    return module


def line_in(file: Path, error: BaseException) -> str:
    """Say in which line of a file something went wrong."""
    lines = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
    return f" in line {lines[-1].lineno}, `{lines[-1].line}`," if lines else ""


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4]), float(sys.argv[5]), sys.argv[6:])
