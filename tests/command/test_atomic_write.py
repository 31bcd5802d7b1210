"""All files or none, and one sentence when it cannot be done."""

import os
import socket
import stat
from concurrent.futures import ThreadPoolExecutor
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


def test_what_is_replaced_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("old")
    (tmp_path / "a.md").chmod(0o640)
    write_all({str(tmp_path / "a.md"): "new"})
    assert stat.S_IMODE((tmp_path / "a.md").stat().st_mode) == 0o640


@pytest.mark.parametrize("there", [True, False])
def test_a_link_stays_and_its_target_is_replaced(tmp_path: Path, there: bool) -> None:
    target, link, further = tmp_path / "kept" / "report.md", tmp_path / "link.md", tmp_path / "further.md"
    target.parent.mkdir()
    if there:
        target.write_text("old")
    link.symlink_to("kept/report.md")
    further.symlink_to(link)
    write_all({str(further): "new"})
    assert (further.is_symlink(), link.is_symlink(), target.is_symlink()) == (True, True, False)
    assert target.read_text() == "new"
    assert sorted(path.name for path in target.parent.iterdir()) == ["report.md"]


def test_a_link_to_a_folder_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    with pytest.raises(Problem, match="it is a directory"):
        write_all({str(tmp_path / "link"): "x"})


def test_a_named_pipe_is_written_into(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor() as pool:
        read = pool.submit(pipe.read_text)
        write_all({str(pipe): "text", str(tmp_path / "a.md"): "file"})
        assert read.result(timeout=30) == "text"
    assert pipe.is_fifo()
    assert (tmp_path / "a.md").read_text() == "file"


def terminal(tmp_path: Path) -> tuple[int, Path]:
    """A private terminal, and a link to its device: a character device that is nobody else's."""
    reading, writing = os.openpty()
    link = tmp_path / "device"
    link.symlink_to(os.ttyname(writing))
    return reading, link


def test_a_device_is_written_into(tmp_path: Path) -> None:
    reading, link = terminal(tmp_path)
    before = link.stat()
    write_all({str(link): "text"})
    assert os.read(reading, 100) == b"text"
    assert stat.S_ISCHR(link.stat().st_mode)
    assert link.stat().st_ino == before.st_ino


@pytest.mark.parametrize("way", ["/dev/fd/{}", "/proc/self/fd/{}", "link"])
def test_a_descriptor_is_written_into_where_it_stands(tmp_path: Path, way: str) -> None:
    """As a shell's `> out` and `>(command)`: what was written before stays, and the file stays the same."""
    with (tmp_path / "out").open("w+") as file:
        file.write("before ")
        file.flush()
        place = way.format(file.fileno())
        if way == "link":
            place = str(tmp_path / "link")
            Path(place).symlink_to(f"/proc/self/fd/{file.fileno()}")
        write_all({place: "after"})
        inode = os.fstat(file.fileno()).st_ino
    assert (tmp_path / "out").read_text() == "before after"
    assert (tmp_path / "out").stat().st_ino == inode


def test_a_socket_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        with pytest.raises(Problem, match="cannot write socket: it is a socket; choose another place"):
            write_all({"good.md": "x", "socket": "y"})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["socket"]


def test_a_pipe_that_nobody_reads_any_more(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with pytest.raises(Problem, match="broken pipe"):
        write_all({str(tmp_path / "a.md"): "x", f"/proc/self/fd/{writing}": "y"})
    os.close(writing)
    assert list(tmp_path.iterdir()) == []


def test_nothing_to_write() -> None:
    write_all({})
