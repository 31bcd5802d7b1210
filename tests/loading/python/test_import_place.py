"""A file has the dotted name under which `python -m` would run it, from the root of its packages."""

from pathlib import Path

import pytest

from analyzer.loading.python.import_place import place_of


@pytest.mark.parametrize(
    ("files", "path", "dotted", "root"),
    [
        ((), "net.py", "net", "."),
        ((), "models/net.py", "net", "models"),
        (("pkg/__init__.py",), "pkg/net.py", "pkg.net", "."),
        (("pkg/__init__.py", "pkg/sub/__init__.py"), "pkg/sub/net.py", "pkg.sub.net", "."),
        (("src/pkg/__init__.py",), "src/pkg/net.py", "pkg.net", "src"),
        (("src/__init__.py", "src/pkg/__init__.py"), "src/pkg/net.py", "src.pkg.net", "."),
        (("pkg/__init__.py",), "pkg/__init__.py", "pkg", "."),
        (("my-pkg/__init__.py",), "my-pkg/net.py", "net", "my-pkg"),
    ],
)
def test_the_dotted_name(tmp_path, monkeypatch, files, path, dotted, root):
    monkeypatch.chdir(tmp_path)
    for file in (*files, path):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    place = place_of(Path(path))
    assert (place.dotted, place.root) == (dotted, tmp_path / root)
    assert place.in_package == ("." in dotted or path.endswith("__init__.py"))


@pytest.mark.parametrize(
    ("text", "dotted"),
    [
        ("import torch\n", "net"),
        ("from .blocks import Block\n", "models.parts.net"),
        ("from ..blocks import Block\n", "models.parts.net"),
        ("def f():\n    from ...blocks import Block\n", "models.parts.net"),
        ("from .blocks import (\n", "net"),
    ],
)
def test_relative_imports_reach_into_folders_below_the_working_directory(tmp_path, monkeypatch, text, dotted):
    path = tmp_path / "models/parts/net.py"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    monkeypatch.chdir(tmp_path)
    assert place_of(path).dotted == dotted
    monkeypatch.chdir(path.parent)
    assert place_of(path).dotted == "net"


def test_the_projects_folders_come_last(tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    (tmp_path / "src").mkdir()
    (tmp_path / "tools").mkdir()
    (tmp_path / "pyproject.toml").touch()
    assert place_of(tmp_path / "tools/net.py").fallbacks[-2:] == (tmp_path, tmp_path / "src")
