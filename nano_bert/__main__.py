"""`python -m nano_bert` is the command `nano-bert`."""

import sys

from nano_bert.cli.arguments import main

if __name__ == "__main__":
    sys.exit(main())
