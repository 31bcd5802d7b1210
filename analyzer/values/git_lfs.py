"""Tells the text that Git LFS puts in place of a file it did not fetch."""

from pathlib import Path

POINTER = b"version https://git-lfs.github.com/spec/v"


def is_pointer(path: Path) -> bool:
    """Whether the file is such a text."""
    try:
        with path.open("rb") as file:
            return file.read(len(POINTER)) == POINTER
    except OSError:
        return False
