"""The tutorial does what it says: its files are written, its commands run in order, what they print is as shown."""

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGES = Path(__file__).parent.parent / "docs" / "tutorial"
BLOCK = re.compile(
    r"^```(?:\{code-block\} python\n:caption: (?P<file>\S+)\n\n|console\n)(?P<text>.*?)^```$", re.M | re.S
)
COMMAND = re.compile(r"^\$ (.+)\n((?:(?!\$ ).*\n)*)", re.M)
FIRST = "first-report.md"
CHECKER = doctest.OutputChecker()


def blocks(page):
    return [(found["file"], found["text"]) for found in BLOCK.finditer((PAGES / page).read_text(encoding="utf-8"))]


def printed(command, folder):
    """Both streams as a terminal shows them, and the exit status where it is not 0."""
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    environment = {**os.environ, "PATH": path, "COLUMNS": "80"}
    done = subprocess.run(
        command,
        shell=True,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    return done.stdout + (f"[exit status {done.returncode}]\n" if done.returncode else "")


def follow(page, folder):
    for file, text in blocks(page):
        if file:
            (folder / file).write_text(text)
            continue
        for command, expected in COMMAND.findall(text):
            got = printed(command, folder)
            assert CHECKER.check_output(expected, got, doctest.ELLIPSIS), f"{page}: {command}\n{got}"


@pytest.mark.parametrize("page", sorted(path.name for path in PAGES.glob("*.md")))
def test_a_page_does_what_it_says(page, tmp_path):
    (file, text) = blocks(FIRST)[0]
    (tmp_path / file).write_text(text)
    follow(page, tmp_path)


def test_pages_have_commands_and_files():
    found = {page: blocks(page) for page in ("first-report.md", "first-gate.md", "first-compressed-model.md")}
    assert [sum(1 for file, _ in parts if file) for parts in found.values()] == [2, 0, 3]
    assert all(any(file is None for file, _ in parts) for parts in found.values())
