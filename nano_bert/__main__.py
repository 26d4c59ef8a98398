"""`python -m nano_bert` is the command `nano-bert`."""

import sys


def main() -> int:
    """Run the command; Ctrl-C before it can say anything ends it without a word."""
    try:
        from nano_bert.cli.arguments import main

        return main()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
