"""`python -m nano_bert` is the command `nano-bert`."""

import sys

if __name__ == "__main__":
    try:
        from nano_bert.cli.arguments import main

        sys.exit(main())
    except KeyboardInterrupt:  # before the command could say anything
        sys.exit(130)
