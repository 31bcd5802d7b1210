"""Every install command that people copy installs this project, from this repository, until it is published."""

import re
from configparser import ConfigParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = [
    ROOT / "README.md",
    ROOT / "action.yml",
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "benchmarks" / "README.md",
]
COMMAND = re.compile(r"pip install (.+)")
OPTIONS_WITH_VALUE = {"-r", "--requirement", "-c", "--constraint"}
REPOSITORY = "git+https://github.com/OWNER/analyzer@main"
OWN_FOLDERS = (".", "$ACTION")
"""This checkout, and where a workflow has put it."""


def project() -> ConfigParser:
    parser = ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def requirements(text: str) -> list[str]:
    """What a command installs: options and their values left out, quoted requirements in one piece."""
    command = text.split("#")[0].split("`")[0]
    words = [first or second or third for first, second, third in re.findall(r"\"([^\"]*)\"|'([^']*)'|(\S+)", command)]
    kept = [word for before, word in zip(["", *words], words, strict=False) if before not in OPTIONS_WITH_VALUE]
    return [word for word in kept if not word.startswith("-")]


COMMANDS = [
    (path.name, requirement)
    for path in FILES
    for line in path.read_text(encoding="utf-8").splitlines()
    for found in COMMAND.findall(line)
    for requirement in requirements(found)
]


@pytest.mark.parametrize(("file", "requirement"), COMMANDS)
def test_what_is_installed_is_this_project(file: str, requirement: str) -> None:
    name, _, place = requirement.partition(" @ ")
    if place:
        assert (name, place) == (project()["metadata"]["name"], REPOSITORY)
        return
    folder, _, extras = requirement.partition("[")
    known = set(project()["options.extras_require"])
    assert folder in OWN_FOLDERS, f"{file}: {requirement} is somebody else's project"
    assert set(filter(None, extras.rstrip("]").split(","))) <= known


def test_there_are_commands_to_hold() -> None:
    assert {file for file, _ in COMMANDS} >= {"README.md", "gitlab.md"}


@pytest.mark.parametrize(
    "text", ["torch-analyzer", "--upgrade torch-analyzer -r requirements.txt", "'torch-analyzer[timm]'"]
)
def test_another_project_would_be_seen(text: str) -> None:
    assert requirements(text)[0].startswith("torch-analyzer")
