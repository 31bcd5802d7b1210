"""A function around a compiled kernel is one operator: with its formula, its shape, and its name where it has none."""

from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import analyzer
from analyzer.analysis import study
from analyzer.formulas.registered import BY_HAND, forget_all_but
from analyzer.loading import load
from analyzer.values.errors import Problem
from analyzer.values.requests import ModelRequest

NAME = "analyzer_kernel_tests"


@pytest.fixture(autouse=True)
def _formulas_are_forgotten() -> Iterator[None]:
    before = dict(BY_HAND)
    yield
    forget_all_but(before)


def compiled(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    """Stands for a kernel that only real memory can be given to."""
    return torch.from_numpy(np.matmul(x.detach().numpy(), w.detach().numpy()))


class Model(nn.Module):
    def __init__(self, mix: Any) -> None:
        super().__init__()
        self.layer, self.w, self.mix = nn.Linear(4, 6), nn.Parameter(torch.ones(6, 8)), mix

    def forward(self, x: torch.Tensor) -> Any:
        return self.mix(self.layer(x), self.w)


def mix_shape(x: Any, w: Any) -> tuple[int, int]:
    return x[0], w[1]


def mix_macs(x: Any, out: Any) -> int:
    return prod(out) * x[-1]


def test_a_wrapped_kernel_is_one_operator_with_its_formula() -> None:
    mix = analyzer.kernel(f"{NAME}::mix", compiled, shape=mix_shape, cost=mix_macs)
    model, x = Model(mix), torch.randn(5, 4)
    analysis = analyzer.analyze(model, x)
    assert (analysis.tracing.mode, analysis.complete) == ("meta", True)
    assert analysis.total.macs == 5 * 4 * 6 + 5 * 6 * 8
    assert [used.operator for used in analysis.formulas] == [f"{NAME}.mix"]
    torch.testing.assert_close(model(x), model.layer(x) @ model.w)


def test_without_a_formula_it_is_named() -> None:
    model = Model(analyzer.kernel(f"{NAME}::named", compiled, shape=mix_shape))
    (gap,) = analyzer.analyze(model, torch.randn(5, 4)).uncounted
    assert gap.operator == f"{NAME}.named"


def test_parameters_without_types_are_tensors_or_like_their_defaults() -> None:
    @analyzer.kernel(f"{NAME}::scan", shape=lambda x, steps: ((x[0], steps), x), cost=lambda x, steps: x[0] * steps)
    def scan(x, bias=None, steps=3, scale=1.0) -> tuple[torch.Tensor, torch.Tensor]:
        y = x * scale if bias is None else x * scale + bias
        return y[:, :1].repeat(1, steps), y.clone()

    class Scanning(nn.Module):
        def forward(self, x: torch.Tensor) -> Any:
            return scan(x)[1] + scan(x, steps=7, bias=x)[0].sum()

    analysis = analyzer.analyze(Scanning(), torch.randn(2, 4))
    assert (analysis.total.macs, analysis.complete) == (2 * 3 + 2 * 7, True)
    assert [tuple(part.shape) for part in scan(torch.ones(2, 4))] == [(2, 3), (2, 4)]


def test_what_a_kernel_writes_to_is_written() -> None:
    @analyzer.kernel(f"{NAME}::fill", shape=lambda: None, cost=lambda out: 11, changes=("x",))
    def fill(x: torch.Tensor) -> None:
        x.fill_(1)

    class Filling(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("state", torch.zeros(4))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            fill(self.state)
            return x + self.state

    model = Filling()
    assert analyzer.analyze(model, torch.randn(4)).total.macs == 11
    assert model.state.tolist() == [0.0] * 4


@pytest.mark.parametrize(
    ("operator", "function", "words"),
    [
        ("aten::mm", compiled, "aten.mm"),
        (f"{NAME}::typed", lambda x: x, None),
        (f"{NAME}::odd", np.matmul, "cannot be made an operator"),
        ("no name", compiled, "cannot be made an operator"),
    ],
)
def test_what_cannot_be_wrapped_is_refused(operator: str, function: Any, words: str | None) -> None:
    cost = mix_macs if operator.startswith("aten") else None
    if words is None:
        assert analyzer.kernel(operator, function, shape=lambda x: x, cost=cost) is not None
        return
    with pytest.raises(Problem, match=words):
        analyzer.kernel(operator, function, shape=mix_shape, cost=cost)


FILE = """\
import numpy as np, torch
from torch import nn
import analyzer


@analyzer.kernel("analyzer_kernel_file::mix", shape=lambda x, w: (x[0], w[1]), cost=lambda x, w: x[0] * w[0] * w[1])
def mix(x, w):
    return torch.from_numpy(x.numpy() @ w.numpy())


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.randn(6, 4))

    def forward(self, x):
        return mix(x, self.w) if x.sum() < 1e9 else x
"""


def test_a_models_file_may_wrap_its_kernel_and_run_for_real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.py").write_text(FILE)
    analysis = study(load(ModelRequest("net.py:Net", ("5x6",)))).analysis
    assert (analysis.total.macs, analysis.tracing.mode, analysis.complete) == (5 * 6 * 4, "real", True)
