"""Code of torch's own layers runs once for equal calls, and what it did stands in the graph for each."""

from contextlib import nullcontext

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from tracing.test_repeating_recorder import everything

from analyzer.loading import from_module
from analyzer.tracing import OperatorMemo, Retracer, trace
from analyzer.values.errors import Problem


class Chain(nn.Module):
    """Layers after each other, called by `run`."""

    def __init__(self, *layers: nn.Module, run=lambda layer, x: layer(x)) -> None:
        super().__init__()
        self.layers, self.run = nn.ModuleList(layers), run

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            x = self.run(layer, x)
        return x


class Own(nn.Conv2d):
    """A convolution of the user's."""


def forwards_of(model: nn.Module, monkeypatch: pytest.MonkeyPatch, x: torch.Tensor | None = None) -> int:
    """How often a trace runs the code of convolutions; what it gives has to be the trace without a memo."""
    loaded, ran = from_module(model, (torch.randn(1, 4, 9, 9) if x is None else x,), {}), []
    plain, original = trace(loaded), nn.Conv2d._conv_forward
    monkeypatch.setattr(nn.Conv2d, "_conv_forward", lambda *given: ran.append(1) or original(*given))
    memo = OperatorMemo()
    assert everything(trace(loaded, known=memo)) == everything(plain)
    found = len(ran)
    assert everything(Retracer(loaded, memo).trace(nullcontext, lambda: model)) == everything(plain)
    return found


def conv(**options) -> nn.Conv2d:
    return nn.Conv2d(4, 4, 3, padding=1, **options)


@pytest.mark.parametrize(
    ("layers", "runs"),
    [
        ((conv(), conv(), conv()), 1),
        ((conv(), conv(bias=False)), 2),
        ((conv(), conv(groups=2)), 2),
        ((conv(), conv(dtype=torch.float32)), 1),
        ((conv(), nn.AvgPool2d(2), conv()), 2),
        ((conv(), nn.BatchNorm2d(4), nn.ReLU(inplace=True), conv(), nn.BatchNorm2d(4), nn.ReLU(inplace=True)), 1),
        ((nn.ReLU(inplace=True), conv(), conv()), 1),
        ((nn.Identity(), conv(), nn.Dropout(), conv()), 1),
        ((conv(padding_mode="circular"), conv(padding_mode="circular")), 1),
    ],
)
def test_equal_calls_run_once(layers, runs, monkeypatch):
    assert forwards_of(Chain(*layers).eval(), monkeypatch) == runs


def hooked() -> nn.Conv2d:
    layer = conv()
    layer.register_forward_hook(lambda module, given, output: output + 1)
    return layer


def with_own_forward() -> nn.Conv2d:
    layer = conv()
    layer.forward = lambda x: layer._conv_forward(x, layer.weight * 2, None)
    return layer


@pytest.mark.parametrize(
    "make", [hooked, with_own_forward, lambda: nn.utils.parametrizations.weight_norm(conv()), lambda: Own(4, 4, 3)]
)
def test_layers_that_do_more_always_run(make, monkeypatch):
    assert forwards_of(Chain(make(), make()).eval(), monkeypatch) == 2


def cast(layer, x):
    with torch.autocast("cpu", torch.bfloat16):
        return layer(x)


def differentiated(layer, x):
    with torch.enable_grad():
        return layer(x)


def watched(layer, x):
    class Doubling(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            made = func(*args, **(kwargs or {}))
            return made * 2 if func is F.conv2d or func is torch.conv2d else made

    with Doubling():
        return layer(x)


def mapped(layer, x):
    return torch.vmap(layer)(x[None])[0]


@pytest.mark.parametrize(
    "run", [cast, differentiated, watched, mapped, lambda layer, x: layer(input=x), lambda layer, x: layer.forward(x)]
)
def test_calls_in_other_surroundings_always_run(run, monkeypatch):
    assert forwards_of(Chain(conv(), conv(), run=run).eval(), monkeypatch) == 2


def test_attributes_that_change_while_the_forward_runs_are_noticed(monkeypatch):
    def widened(layer, x):
        layer.stride = (layer.stride[0] + 1,) * 2
        return layer(x)

    model = Chain(conv(), run=lambda layer, x: widened(layer, widened(layer, x)))
    assert forwards_of(model.eval(), monkeypatch, torch.randn(1, 4, 64, 64)) == 2


def test_weights_that_change_while_the_forward_runs_are_noticed(monkeypatch):
    def halved(layer, x):
        layer.weight = nn.Parameter(layer.weight[: len(layer.weight) // 2])
        layer.bias = nn.Parameter(layer.bias[: len(layer.bias) // 2])
        return layer(x)

    model = Chain(conv(), run=lambda layer, x: layer(x).sum() + halved(layer, x).sum())
    assert forwards_of(model.eval(), monkeypatch) == 2


def test_a_model_in_training_always_runs(monkeypatch):
    assert forwards_of(Chain(conv(), conv()).train(), monkeypatch) == 2


def marked(layer, x):
    return layer(x)[:, :, 2 * ("_compiled_call_impl" in vars(layer)) :]


def refused(layer, x):
    return layer(x) / (1 // 0)


@pytest.mark.parametrize("owned", [False, True])
@pytest.mark.parametrize("run", [marked, refused])
def test_no_layer_is_marked_after_a_trace(owned, run):
    model = Chain(conv(), conv(), run=run).eval().to("meta")
    loaded = from_module(model, (torch.randn(1, 4, 9, 9),), {})
    loaded = type(loaded)(**{**vars(loaded), "owned": owned})
    before = [dict(vars(module)) for module in model.modules()]
    with pytest.raises(Problem) if run is refused else nullcontext():
        assert trace(loaded, known=OperatorMemo()).outputs[0].shape == (1, 4, 5, 9)
    assert [dict(vars(module)) for module in model.modules()] == before


def test_a_model_that_cannot_be_copied_is_not_marked():
    class Single(Chain):
        def __deepcopy__(self, memo):
            raise TypeError("there is one")

    model = Single(conv(), conv(), run=marked).eval()
    traced = trace(from_module(model, (torch.randn(1, 4, 9, 9),), {}), known=OperatorMemo())
    assert traced.outputs[0].shape == (1, 4, 9, 9)
