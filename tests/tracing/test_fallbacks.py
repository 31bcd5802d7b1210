"""All backends give the same numbers where they all run, and lower backends say why they were needed."""

from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from analyzer import Problem
from analyzer.formulas.count import Count
from analyzer.loading.loaded_model import Inputs, InputSpec, LoadedModel
from analyzer.tracing import fallbacks, trace
from analyzer.tracing.backends import FAKE, META, REAL, Backend


class Mixed(nn.Module):
    """Convolution, attention, recurrence, norms, pooling, views and in-place work in one forward."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1), nn.BatchNorm2d(16), nn.ReLU(True), nn.MaxPool2d(2))
        self.attention = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True, activation="gelu")
        self.lstm = nn.LSTM(16, 8, batch_first=True, bidirectional=True)
        self.head = nn.Linear(16, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = self.conv(x).flatten(2).transpose(1, 2)
        q = self.attention(tokens)
        q = q + F.scaled_dot_product_attention(q, q, q)
        out, _ = self.lstm(q)
        return F.softmax(self.head(out.mean(1)), -1)


MODELS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "mixed": (Mixed, (2, 3, 16, 16)),
    "norms": (lambda: nn.Sequential(nn.GroupNorm(2, 4), nn.InstanceNorm2d(4), nn.LayerNorm(8)), (2, 4, 8, 8)),
    "transposed": (
        lambda: nn.Sequential(nn.ConvTranspose2d(4, 6, 3, 2), nn.PReLU(), nn.Upsample(scale_factor=2)),
        (1, 4, 5, 5),
    ),
    "bilinear pooling": (
        lambda: nn.Sequential(nn.AdaptiveAvgPool2d((2, 3)), nn.Hardswish(), nn.Dropout(), nn.Softmax(1)),
        (1, 4, 7, 7),
    ),
    "gru": (lambda: nn.GRU(8, 6, 2, bidirectional=True), (5, 2, 8)),
}


def on(backend: Backend, model: nn.Module, shape: tuple[int, ...]) -> Any:
    loaded = LoadedModel("m", "m", model, (Inputs((InputSpec(shape),)),), owned=False)
    with patch.object(fallbacks, "BACKENDS", (backend,)):
        return trace(loaded)


@pytest.mark.parametrize(("build", "shape"), MODELS.values(), ids=MODELS.keys())
def test_all_backends_agree(build: Callable[[], nn.Module], shape: tuple[int, ...]) -> None:
    model = build().eval()
    counts = [Count(on(backend, model, shape)) for backend in (META, FAKE, REAL)]
    assert [count.trace.mode for count in counts] == ["meta", "fake", "real"]
    assert counts[0].total == counts[1].total == counts[2].total
    assert counts[0].layers == counts[1].layers == counts[2].layers
    assert all(not count.uncounted for count in counts)


def forward(function: Callable[..., Any], **members: Any) -> nn.Module:
    class Forward(nn.Module):
        def forward(self, x: torch.Tensor) -> Any:
            return function(self, x)

    model = Forward()
    for name, member in members.items():
        setattr(model, name, member)
    return model


def loaded(model: nn.Module, *candidates: Inputs) -> LoadedModel:
    return LoadedModel("m", "m.py", model, candidates or (Inputs((InputSpec((2, 6)),)),), owned=False)


def test_mixed_devices_stay_on_meta() -> None:
    table = torch.arange(12).reshape(2, 6)
    result = trace(loaded(forward(lambda m, x: x * table.to(x.device) + torch.ones(6) + table)))
    assert (result.mode, result.reason) == ("meta", "")


def test_writing_into_a_real_tensor_needs_values() -> None:
    def count(module: nn.Module, x: torch.Tensor) -> torch.Tensor:
        hits = torch.zeros(2)
        hits += x[:, 0]
        return hits

    assert trace(loaded(forward(count))).mode == "fake"


@pytest.mark.parametrize(
    "function", [lambda m, x: x[x > 0], lambda m, x: x.nonzero(), lambda m, x: x.tolist(), lambda m, x: x.unique()]
)
def test_values_are_needed(function: Callable[..., Any]) -> None:
    result = trace(loaded(forward(function)))
    assert result.mode == "real"
    assert "cannot be followed on fake tensors" in result.reason


def test_the_layer_that_needed_values_is_named() -> None:
    inner = forward(lambda m, x: x.nonzero())
    assert "in `inner`" in trace(loaded(forward(lambda m, x: m.inner(x), inner=inner))).reason


def test_the_first_candidate_that_fits_is_used() -> None:
    wrong = Inputs((InputSpec((2, 5)),), assumption="five were assumed")
    right = Inputs((InputSpec((2, 6)),), assumption="six were assumed")
    result = trace(loaded(nn.Linear(6, 4), wrong, right))
    assert result.inputs[0].shape == (2, 6)
    assert result.assumptions == ("six were assumed",)


def test_a_refused_input_names_layer_and_shapes() -> None:
    model = nn.Sequential(nn.Linear(6, 4), nn.Linear(5, 3))
    with pytest.raises(
        Problem, match=r"layer `1`, Linear\(.*\), refused its input 2×4: RuntimeError: .*\[2, 4\] X \[5, 3\]"
    ):
        trace(loaded(model))


def test_the_users_line_is_named() -> None:
    def broken(module: nn.Module, x: torch.Tensor) -> torch.Tensor:
        raise KeyError("logits")

    line = broken.__code__.co_firstlineno + 1
    with pytest.raises(Problem, match=rf"test_fallbacks\.py:{line}: model \w+ raised, given 2×6: KeyError: 'logits'"):
        trace(loaded(forward(broken)))


def test_a_wrong_call_is_not_run_for_real(capsys: pytest.CaptureFixture[str]) -> None:
    def broken(module: nn.Module, x: torch.Tensor) -> torch.Tensor:
        print(type(x).__name__)  # what it keeps in Python objects is taken back
        raise ValueError("wrong")

    with pytest.raises(Problem, match="wrong"):
        trace(loaded(forward(broken)))
    assert capsys.readouterr().out.split() == ["Tensor", "FakeTensor"]  # on meta, then fake


def test_no_candidates_is_a_problem() -> None:
    with pytest.raises(Problem, match="--input"):
        trace(LoadedModel("m", "m.py", nn.Linear(6, 4), ()))


def test_wrappers_are_looked_through_and_named() -> None:
    result = trace(loaded(nn.DataParallel(nn.Linear(6, 4))))
    assert [parameter.name for parameter in result.parameters] == ["weight", "bias"]
    assert result.assumptions == ("the model inside DataParallel was analysed",)


def test_a_real_run_that_does_not_fit_is_refused_before_it_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analyzer.tracing.backends.free_memory", lambda: 2**20)
    model = forward(lambda m, x: x.nonzero(), weight=nn.Parameter(torch.empty(2**20)))
    with pytest.raises(Problem, match=r"must run for real, and its weights need .* GiB of memory where .* are free"):
        trace(loaded(model))
