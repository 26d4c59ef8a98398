"""What proves the package and the book."""

import sys

for stream in (sys.stdout, sys.stderr):  # a terminal that cannot show every letter gets "?", and no tool stops for it
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="replace")  # pyright: ignore
