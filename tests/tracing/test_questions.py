"""A forward that asks its tensors something is told what real ones would say, or the next backend is tried."""

import sys
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import torch
from torch import nn

from analyzer import analyze
from analyzer.loading.loaded_model import Inputs, InputSpec, LoadedModel
from analyzer.tracing import fallbacks, trace
from analyzer.tracing.backends import FAKE, META
from analyzer.tracing.forward import Forward
from analyzer.tracing.questions import DETACHED, OUTSIDE, WITH, WITHOUT

ONCE = 2 * 8 * 8
"""MACs of one Linear(8, 8) on two rows."""


class Branches(nn.Module):
    """Runs `b` after `a` where the question is answered as a real tensor answers it."""

    def __init__(self, question: Callable[[torch.Tensor, torch.Tensor], Any]) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(8, 8), nn.Linear(8, 8)
        self.question = question

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.a(x)
        return self.b(y) if self.question(x, y) else y


ABOUT_DEVICES: dict[str, Callable[[torch.Tensor, torch.Tensor], Any]] = {
    "type": lambda x, y: x.device.type == "cpu",
    "device": lambda x, y: y.device == torch.device("cpu"),
    "text": lambda x, y: "cpu" in str(y.device),
    "is_cpu": lambda x, y: y.is_cpu,
    "is_meta": lambda x, y: not y.is_meta,
    "is_cuda": lambda x, y: not y.is_cuda,
    "number": lambda x, y: y.get_device() == -1,
}


@pytest.mark.parametrize("question", ABOUT_DEVICES.values(), ids=ABOUT_DEVICES.keys())
def test_tensors_without_values_are_where_the_model_is(question: Callable[..., Any]) -> None:
    analysis = analyze(Branches(question), torch.randn(2, 8))
    assert (analysis.total.macs, analysis.tracing.mode, analysis.complete) == (2 * ONCE, "meta", True)


MADE: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "zeros": lambda x: torch.zeros(2, 8, device=x.device),
    "written to": lambda x: torch.zeros(2, 8, device=x.device).copy_(x),
    "moved": lambda x: torch.ones(2, 8).to(x.device).mul_(x),
    "layer": lambda x: nn.Linear(8, 8, device=x.device)(x),
}


@pytest.mark.parametrize("make", MADE.values(), ids=MADE.keys())
def test_what_is_made_where_a_tensor_is_has_no_memory_either(make: Callable[[torch.Tensor], torch.Tensor]) -> None:
    places: SimpleQueue[torch.device] = SimpleQueue()  # a list would be given back as it was

    class Model(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            made = make(x)
            places.put(torch._C._get_function_stack_at(0).device)
            assert made.device is x.device
            return made + x

    assert trace(LoadedModel("m", "m", Model(), (Inputs((InputSpec((2, 8)),)),))).mode == "meta"
    assert (places.get_nowait(), places.empty()) == (torch.device("cpu"), True)


def swallowing(ask: Callable[[torch.Tensor], Any], caught: Any = Exception) -> Callable[..., bool]:
    def question(x: torch.Tensor, y: torch.Tensor) -> bool:
        try:
            ask(y)
        except caught:
            return False
        return True

    return question


VALUES: dict[str, Callable[..., bool]] = {
    "item": swallowing(lambda y: y.sum().item()),
    "bare except": swallowing(lambda y: y.sum().item(), BaseException),
    "bool": swallowing(lambda y: bool((y > -1e9).all())),
    "float": swallowing(lambda y: float(y[0, 0])),
    "list": swallowing(lambda y: y.tolist()),
    "nonzero": swallowing(lambda y: y.nonzero()),
    "mask": swallowing(lambda y: y[y > 0]),
    "address": lambda x, y: x.data_ptr() != y.data_ptr(),
    "any address": lambda x, y: x.data_ptr(),
    "storage": lambda x, y: x.untyped_storage().data_ptr(),
}


@pytest.mark.parametrize("question", VALUES.values(), ids=VALUES.keys())
def test_what_only_values_answer_is_asked_of_real_tensors(question: Callable[..., Any]) -> None:
    analysis = analyze(Branches(question), torch.randn(2, 8))
    assert (analysis.total.macs, analysis.tracing.mode, analysis.complete) == (2 * ONCE, "real", True)


@pytest.mark.parametrize("backends", [(META,), (META, FAKE)])
def test_a_question_without_an_answer_is_a_gap(backends: Any) -> None:
    loaded = LoadedModel("m", "m", Branches(VALUES["item"]), (Inputs((InputSpec((2, 8)),)),), owned=False)
    with patch.object(fallbacks, "BACKENDS", backends):
        (gap,) = trace(loaded).gaps
    assert gap.operator == "values"
    assert "cannot be followed on meta tensors (NeedsValues: item: " in gap.reason


def test_an_error_that_real_tensors_raise_as_well_is_the_forwards_own() -> None:
    analysis = analyze(Branches(swallowing(lambda y: y.view(3, 7))), torch.randn(2, 8))
    assert (analysis.total.macs, analysis.tracing.mode) == (ONCE, "meta")


GRADIENTS: dict[str, Callable[..., Any]] = {
    "requires_grad": lambda x, y: y.requires_grad,
    "grad_fn": lambda x, y: y.grad_fn is not None,
    "is_leaf": lambda x, y: not y.is_leaf,
    "bare except": swallowing(lambda y: 1 / y.requires_grad, BaseException),
}


@pytest.mark.parametrize("question", GRADIENTS.values(), ids=GRADIENTS.keys())
def test_gradients_are_known_where_the_forward_asks_for_them(question: Callable[..., Any]) -> None:
    analysis = analyze(Branches(question), torch.randn(2, 8))
    assert (analysis.total.macs, analysis.tracing.mode, analysis.complete) == (2 * ONCE, "meta", True)


@pytest.mark.parametrize("question", list(GRADIENTS.values())[:3], ids=list(GRADIENTS)[:3])
def test_without_gradients_there_are_none(question: Callable[..., Any]) -> None:
    frozen = Branches(question).requires_grad_(False)
    assert analyze(frozen, torch.randn(2, 8)).total.macs == ONCE
    with torch.no_grad():
        assert analyze(Branches(question), torch.randn(2, 8)).total.macs == ONCE


def test_weights_and_inputs_say_themselves_whether_they_are_trained() -> None:
    runs: SimpleQueue[torch.Tensor] = SimpleQueue()

    def question(x: torch.Tensor, y: torch.Tensor) -> bool:
        runs.put(x)
        return not x.requires_grad and model.a.weight.requires_grad

    model = Branches(question)
    assert analyze(model, torch.randn(2, 8)).total.macs == 2 * ONCE
    assert runs.qsize() == 1


DIFFERENTIATED: dict[str, tuple[Callable[..., Any], int]] = {
    "jacobian": (lambda f, x: torch.autograd.functional.jacobian(lambda y: f(y).sum(0), x), (1 + 8) * ONCE),
    "vjp": (lambda f, x: torch.autograd.functional.vjp(lambda y: f(y).sum(), x)[1], 2 * ONCE),
    "jvp": (lambda f, x: torch.autograd.functional.jvp(f, x, x)[1], 3 * ONCE),
    "hessian": (lambda f, x: torch.autograd.functional.hessian(lambda y: f(y).pow(3).sum(), x), (2 + 2 * 16) * ONCE),
}


@pytest.mark.parametrize(("differentiate", "macs"), DIFFERENTIATED.values(), ids=DIFFERENTIATED.keys())
def test_derivatives_in_the_forward_are_counted(differentiate: Callable[..., Any], macs: int) -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(8, 8)

        def forward(self, x: torch.Tensor) -> Any:
            return differentiate(self.layer, x)

    assert analyze(Model(), torch.randn(2, 8)).total.macs == macs


ARRAYS: dict[str, Callable[[torch.Tensor], Any]] = {
    "numpy": lambda y: y.detach().numpy(),
    "asarray": lambda y: np.asarray(y.detach()),
}


@pytest.mark.parametrize("convert", ARRAYS.values(), ids=ARRAYS.keys())
def test_work_in_numpy_is_named(convert: Callable[[torch.Tensor], Any]) -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(8, 8)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.from_numpy(convert(self.layer(x)) @ np.ones((8, 8), np.float32))

    analysis = analyze(Model(), torch.randn(2, 8))
    assert (analysis.total.macs, analysis.complete) == (ONCE, False)
    assert [(item.operator, item.layers, item.reason) for item in analysis.uncounted] == [("numpy", ("",), OUTSIDE)]


def test_indices_in_numpy_are_no_work() -> None:
    class Model(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x[:, x.argmax(1).numpy()]

    assert analyze(Model(), torch.randn(2, 8)).complete


def test_torchs_own_code_is_told_the_truth() -> None:
    model = nn.LSTM(8, 8)
    model.register_forward_pre_hook(lambda module, _: module.flatten_parameters())
    with patch.object(Forward, "device", torch.device("cuda")):
        assert analyze(model, torch.randn(2, 1, 8)).tracing.mode == "meta"


RECORDING: dict[str, tuple[Callable[..., Any], int, tuple[str, ...]]] = {
    "as in inference": (lambda x, y: torch.is_grad_enabled(), 1, (WITHOUT,)),
    "not recording": (lambda x, y: not torch.is_grad_enabled(), 2, (WITHOUT,)),
    "switched on": (lambda x, y: torch.enable_grad()(torch.is_grad_enabled)(), 2, ()),
    "differentiating": (lambda x, y: y.requires_grad and torch.is_grad_enabled(), 2, (WITH,)),
    "switched off": (lambda x, y: y.requires_grad and torch.no_grad()(torch.is_grad_enabled)(), 1, ()),
}


@pytest.mark.parametrize(("question", "layers", "said"), RECORDING.values(), ids=RECORDING.keys())
def test_the_result_says_what_a_question_for_gradients_was_answered(
    question: Callable[..., Any], layers: int, said: tuple[str, ...]
) -> None:
    original = torch.is_grad_enabled
    analysis = analyze(Branches(question), torch.randn(2, 8))
    assert (analysis.total.macs, analysis.model.assumptions) == (layers * ONCE, said)
    assert torch.is_grad_enabled is original


def test_a_question_that_was_imported_from_torch_counts_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its own name in any module, by another one in a file of the user's."""
    own = sys.modules[__name__]
    for name in ("is_grad_enabled", "asks_whether_it_records"):
        monkeypatch.setattr(own, name, torch.is_grad_enabled, raising=False)
        analysis = analyze(Branches(lambda x, y, name=name: getattr(own, name)()), torch.randn(2, 8))
        assert (analysis.total.macs, analysis.model.assumptions) == (ONCE, (WITHOUT,))
        assert getattr(own, name) is torch.is_grad_enabled
        monkeypatch.undo()


def test_a_caller_that_decides_on_gradients_is_told_nothing() -> None:
    with torch.no_grad():
        assert analyze(Branches(RECORDING["as in inference"][0]), torch.randn(2, 8)).model.assumptions == ()


def test_results_that_go_to_numpy_attached_are_told() -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(8, 8)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.from_numpy(self.layer(x).numpy() + 1)

    assert analyze(Model(), torch.randn(2, 8)).model.assumptions == (DETACHED,)
    assert analyze(Model().requires_grad_(False), torch.randn(2, 8)).model.assumptions == ()
