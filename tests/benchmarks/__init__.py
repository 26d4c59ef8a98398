"""How fast ours is: `python -m tests.benchmarks` measures it, and writes the record."""
