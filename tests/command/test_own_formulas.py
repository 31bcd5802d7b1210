"""Formulas that a configuration names hold for the models of its request and are forgotten after it."""

from pathlib import Path

import pytest

from analyzer.command.worker import answer
from analyzer.formulas.registered import BY_HAND, CONFIGURED
from analyzer.gating.channel import Message
from analyzer.values.counts import UsedFormula
from analyzer.values.requests import AnalysisOptions, ModelRequest, WorkRequest

NET = """\
import torch
from torch import nn


@torch.library.custom_op("{library}::mix", mutates_args=())
def mix(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    return x @ w

{more}

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.randn(6, 4))

    def forward(self, x):
        return mix(x, self.w)
"""
KERNELS = "from math import prod\n\nTABLE = 3\n\n\ndef mix_macs(x, out):\n    return prod(out) * x[-1]\n"


@pytest.fixture
def answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest):
    monkeypatch.chdir(tmp_path)
    Path("kernels.py").write_text(KERNELS)
    library = f"analyzer_tests_{abs(hash(request.node.name))}"

    def of(place: str | None, *names: str, more: str = "") -> Message:
        for name in names or ("net.py",):
            Path(name).write_text(NET.format(library=f"{library}_{name[:-3]}", more=more if name == "net.py" else ""))
        models = tuple(ModelRequest(f"{name}:Net", ("5x6",)) for name in names or ("net.py",))
        formulas = {} if place is None else {f"{library}_net::mix": place}
        return answer(WorkRequest(models, AnalysisOptions(formulas=formulas)), lambda _: None)

    return of


def test_the_function_of_a_module_beside_the_configuration(answered) -> None:
    (analysis,) = answered("kernels:mix_macs").analyses
    assert (analysis.total.macs, analysis.complete) == (5 * 4 * 6, True)
    (used,) = analysis.formulas
    assert used == UsedFormula(used.operator, "kernels:mix_macs", 1)
    assert not CONFIGURED.get()


def test_without_it_the_operator_is_named(answered) -> None:
    (analysis,) = answered(None).analyses
    assert (analysis.complete, analysis.formulas) == (False, ())


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("kernel:mix_macs", "kernel:mix_macs cannot be imported (ModuleNotFoundError: No module named 'kernel')"),
        ("kernels:mix", "kernels:mix cannot be imported (AttributeError"),
        ("kernels:TABLE", "kernels:TABLE is 3, not a function"),
    ],
)
def test_what_is_not_there(answered, place: str, said: str) -> None:
    assert said in answered(place).problem


def test_what_the_file_of_one_model_registers_does_not_count_the_next(answered) -> None:
    before = dict(BY_HAND)
    more = "import analyzer\nname = mix._qualname\nanalyzer.formula(name, lambda: 7)\n"
    more += "analyzer.formula(name.replace('_net::', '_other::'), lambda: 8)\n"
    first, second = answered(None, "net.py", "other.py", more=more).analyses
    assert (first.total.macs, first.complete) == (7, True)
    assert (second.total.macs, second.complete) == (0, False)
    assert before == BY_HAND
