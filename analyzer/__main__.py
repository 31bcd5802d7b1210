"""`python -m analyzer` and the script `analyze`: the command, stopped in one sentence also while it is imported."""

import os
import sys


def main() -> None:
    """Run the command and exit with its status."""
    try:
        from analyzer.cli import main as run
    except KeyboardInterrupt:
        os.write(2, b"analyze: error: stopped\n")
        sys.exit(2)
    run()


if __name__ == "__main__":
    main()
