"""`python -m tests.benchmarks`: see `tests.benchmarks.speed`."""

import sys

from tests.benchmarks.speed import be_a_process, main

if sys.argv[1:] == ["a-process"]:
    be_a_process()
else:
    main(sys.argv[1:])
