"""A user's file imports its neighbours while it is built and while it runs, and leaves no trace of them."""

import sys
from pathlib import Path

from analyzer.loading import LoadedModel, load
from analyzer.loading.python.import_context import Surroundings
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
