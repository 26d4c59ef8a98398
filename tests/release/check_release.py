"""Checks what is about to be published: `python -m tests.release.check_release dist [VERSION]`.

The wheel and the source hold the package with its small models and nothing else, and say the version that they have.
"""

import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import nano_bert

ROOT = Path(__file__).parents[2]
BESIDE = {"PKG-INFO", "LICENSE", "README.md", "pyproject.toml", ".gitignore"}  # what a source needs to be built


def faults(folder: Path, version: str = nano_bert.__version__) -> Iterator[str]:
    """What is wrong with the wheel and the source in `folder`."""
    if version != nano_bert.__version__:
        yield f"The tag says {version}, and nano_bert/__init__.py says {nano_bert.__version__}."
    wheel, source = folder / f"nano_bert-{version}-py3-none-any.whl", folder / f"nano_bert-{version}.tar.gz"
    if sorted(folder.iterdir()) != sorted([wheel, source]):
        yield f"{folder} should hold {wheel.name} and {source.name}, and holds {[p.name for p in folder.iterdir()]}."
        return
    files = {path.relative_to(ROOT).as_posix() for path in (ROOT / "nano_bert").rglob("*") if path.is_file()}
    files = {name for name in files if "__pycache__" not in name}
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    with tarfile.open(source) as archive:
        sent = {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}
    for name, found in (("wheel", packed), ("source", sent - BESIDE)):
        yield from (f"The {name} lacks {missing}." for missing in sorted(files - found))
        yield from (f"The {name} holds {more}, which is not of the package." for more in sorted(found - files))


if __name__ == "__main__":
    said = list(faults(Path(sys.argv[1]), *sys.argv[2:]))
    print("\n".join(said) or "Wheel and source hold the package, and nothing else.")
    sys.exit(bool(said))
