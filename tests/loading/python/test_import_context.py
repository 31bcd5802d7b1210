"""A user's file imports its neighbours while it is built and while it runs, and leaves no trace of them."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from analyzer.loading import LoadedModel, load
from analyzer.loading.python.import_context import Surroundings
from analyzer.loading.python.origin import origin_of
from analyzer.tracing import trace
from analyzer.values.requests import ModelRequest

LAZY = """
import torch
from torch import nn
import widths

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(6, widths.OUT)

    def forward(self, x):
        import scales, widths as again
        assert again is widths
        return self.fc(x) * scales.SCALE

example_inputs = torch.empty(2, 6)
"""


def test_a_forward_may_import_neighbours(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(LAZY)
    (tmp_path / "widths.py").write_text("OUT = 4")
    (tmp_path / "scales.py").write_text("SCALE = 2")
    path, modules = list(sys.path), set(sys.modules)
    loaded = load(ModelRequest(str(tmp_path / "net.py")))
    assert isinstance(loaded, LoadedModel)
    assert len(trace(loaded).ops)
    assert sys.path == path
    assert not {"net", "widths", "scales"} & (set(sys.modules) - modules)


def test_two_files_have_each_their_own_neighbours(tmp_path: Path) -> None:
    for name, width in (("a", 3), ("b", 5)):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "widths.py").write_text(f"OUT = {width}")
        (folder / "scales.py").write_text("SCALE = 1")
        (folder / "net.py").write_text(LAZY)
    loaded_models = [load(ModelRequest(str(tmp_path / name / "net.py"))) for name in "ab"]
    shapes = [trace(loaded).modules[0].output_shapes for loaded in loaded_models if isinstance(loaded, LoadedModel)]
    assert shapes == [((2, 3),), ((2, 5),)]


def test_building_again_imports_anew(tmp_path: Path) -> None:
    (tmp_path / "counted.py").write_text("")
    surroundings = Surroundings(tmp_path, name="main", argv=[])
    seen = []
    for enter in (surroundings.fresh, surroundings.again, surroundings.fresh):
        with enter():
            import counted  # type: ignore[import-not-found]

            seen.append(counted)
    assert seen[0] is seen[1]
    assert seen[0] is not seen[2]


class _Lazy(ModuleType):
    """As speechbrain's, which import what they stand for at the first look at any attribute."""

    def __getattr__(self, name: str) -> None:
        raise ImportError(f"a module that is not installed was asked for {name}")


class _Slotted:
    __slots__ = ()


@pytest.mark.parametrize("make", [lambda: _Lazy("lazy_module_of_test"), _Slotted, lambda: None, lambda: _Slotted])
def test_a_lazy_module_is_never_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[], Any]) -> None:
    monkeypatch.setitem(sys.modules, "lazy_module_of_test", make())
    (tmp_path / "net.py").write_text(LAZY)
    (tmp_path / "widths.py").write_text(
        "import sys, types\nclass Lazy(types.ModuleType):\n    def __getattr__(self, name): raise ImportError(name)\n"
        "sys.modules['widths.late'] = late = Lazy('widths.late')\nOUT = 4\n"
    )
    (tmp_path / "scales.py").write_text("SCALE = 2")
    loaded = load(ModelRequest(str(tmp_path / "net.py")))
    assert isinstance(loaded, LoadedModel)
    assert len(trace(loaded).ops)
    assert "widths.late" not in sys.modules
    assert origin_of(str(tmp_path / "net.py")).module == "net"


def test_what_others_imported_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the folder holds what Python itself imports from, as a home directory does."""
    monkeypatch.setitem(sys.modules, "kept_of_test", ModuleType("kept_of_test"))
    sys.modules["kept_of_test"].__file__ = str(tmp_path / "kept_of_test.py")
    library = tmp_path / "lib/python3"
    library.mkdir(parents=True)
    (library / "late_of_test.py").write_text("")
    monkeypatch.syspath_prepend(str(library))
    with Surroundings(tmp_path, name="main", argv=[]).fresh():
        import late_of_test  # type: ignore[import-not-found]  # noqa: F401
    assert {"kept_of_test", "late_of_test"} <= set(sys.modules)
    del sys.modules["late_of_test"]


def test_building_within_a_run_imports_anew(tmp_path: Path) -> None:
    (tmp_path / "counted.py").write_text("")
    surroundings = Surroundings(tmp_path, name="main", argv=[])
    with surroundings.again():
        import counted

        with surroundings.fresh():
            import counted as inner
        assert sys.modules["counted"] is counted
        assert inner is not counted
    assert "counted" not in sys.modules
