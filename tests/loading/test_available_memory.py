"""What the system and the container leave, as their files tell it."""

from pathlib import Path

import pytest

from analyzer.loading import available_memory


def told(place: Path, monkeypatch: pytest.MonkeyPatch, **files: str) -> int | None:
    for name, text in files.items():
        (place / name.replace("_", ".")).write_text(text)
    monkeypatch.setattr(available_memory, "MEMINFO", place / "meminfo")
    monkeypatch.setattr(available_memory, "CGROUP", place)
    return available_memory.free_memory()


def test_what_the_system_has_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(tmp_path, monkeypatch, meminfo="MemFree: 1 kB\nMemAvailable: 5 kB\n") == 5 * 1024


def test_a_container_may_take_less(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = {"memory_max": "3000\n", "memory_current": "2000\n"}
    assert told(tmp_path, monkeypatch, meminfo="MemAvailable: 5 kB\n", **limits) == 1000


def test_a_container_without_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = {"memory_max": "max\n", "memory_current": "2000\n"}
    assert told(tmp_path, monkeypatch, meminfo="MemAvailable: 5 kB\n", **limits) == 5 * 1024
