"""An archive, read from front to back within bounds, whatever it says of itself.

A small archive can hold a file of many gigabytes (zeros pack well), a sparse file that is larger than any disk, or
names and notes without an end, which `tarfile` reads into memory before anybody can look at them. What a corpus can
hold is known, so everything beyond is refused while it is read.
"""

import re
import tarfile
from collections.abc import Iterator
from typing import Any, cast

MOST = 1_000_000_000  # bytes of the whole archive, unpacked; the official one has half of that
MOST_MEMBERS = 200_000  # twice what it has
LONGEST_TEXT = 50_000  # bytes of one text; the longest official one has 14,000
MOST_TEXT = 200_000_000  # bytes of all texts together, three times what it has
LONGEST_NOTE = 65_536  # bytes of a long name, or of other notes on a file
NOTES = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)


class _Bounded:
    """A stream of bytes that ends with an error when it is too long."""

    def __init__(self, stream: Any) -> None:
        self.stream, self.n_bytes = stream, 0

    def read(self, size: int) -> bytes:
        content = self.stream.read(size)
        self.n_bytes += len(content)
        if self.n_bytes > MOST:
            raise ValueError(f"unpacked, it has more than {MOST:,} bytes")
        return content


class _Header(tarfile.TarInfo):
    """What stands before each file; notes that are too long are refused before they are read."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> "_Header":
        header = super().frombuf(buf, encoding, errors)
        if header.type in NOTES and header.size > LONGEST_NOTE:
            raise ValueError(f"a name or a note in it has {header.size:,} bytes")
        return header


def small_files(stream: Any, layout: re.Pattern[str]) -> Iterator[tuple[re.Match[str], bytes]]:
    """Yield the content of the files in a tar whose path fits a layout, and the match of the path.

    Nothing is written to the disk. Afterwards the stream has been read to its very end, where gzip keeps its checksum.

    Raises:
        ValueError: If the archive, or one of these files, is larger than it can be.
        tarfile.TarError: If it is damaged.
    """
    bounded, n_bytes = _Bounded(stream), 0
    # "r|" reads in one go, from front to back; seeking in a gzip would start anew each time.
    with tarfile.open(fileobj=cast("Any", bounded), mode="r|", tarinfo=_Header) as archive:
        n_members = 0
        while (member := archive.next()) is not None:
            n_members += 1
            cast("Any", archive).members.clear()  # a note of each would be kept
            if n_members > MOST_MEMBERS:
                raise ValueError(f"it holds more than {MOST_MEMBERS:,} files")
            place = layout.search(member.name)
            if place is None or not member.isfile():
                continue
            n_bytes += member.size
            if member.issparse() or member.size > LONGEST_TEXT or n_bytes > MOST_TEXT:
                raise ValueError(f"a text in it has {member.size:,} bytes, {n_bytes:,} with those before it")
            file = archive.extractfile(member)
            if file is not None:
                yield place, file.read()
        while bounded.read(1 << 20):
            pass
