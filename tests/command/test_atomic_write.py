"""All files or none, and one sentence when it cannot be done."""

from pathlib import Path

import pytest

from analyzer import Problem
from analyzer.command.atomic_write import write_all


def test_files_and_missing_directories_are_made(tmp_path: Path) -> None:
    write_all({str(tmp_path / "a" / "b.md"): "bé", str(tmp_path / "c.json"): "{}"})
    assert (tmp_path / "a" / "b.md").read_text(encoding="utf-8") == "bé"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "b.md", "c.json"]


def test_what_was_there_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("old")
    write_all({str(tmp_path / "a.md"): "new"})
    assert (tmp_path / "a.md").read_text() == "new"


@pytest.mark.parametrize("bad", ["folder", "new/", "file/inside.md"])
def test_none_is_written_when_one_cannot_be(tmp_path: Path, bad: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("old")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(Problem, match=r"cannot write .*; choose another place with --output"):
        write_all({str(tmp_path / "good.md"): "x", f"{tmp_path}/{bad}": "y"})
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "file").read_text() == "old"


def test_nothing_to_write() -> None:
    write_all({})
