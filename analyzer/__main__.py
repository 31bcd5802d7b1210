"""`python -m analyzer`, the same as `analyze`."""

from analyzer.cli import main

main()
