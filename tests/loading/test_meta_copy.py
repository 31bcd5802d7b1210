"""Copies without values: nothing allocated, everything shared as before, the original untouched."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from analyzer import analyze
from analyzer.loading.meta_copy import MAX_CONSTANT, MetaTensors, borrowed_with, copy_with, tensors_in


def tied() -> nn.Sequential:
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4), nn.BatchNorm1d(4))
    model[1].weight = model[0].weight
    model[0].register_parameter("part", nn.Parameter(model[0].weight.data[:2]))
    return model


def test_every_float_is_on_meta() -> None:
    shadow = copy_with(tied(), MetaTensors())
    assert all(tensor.is_meta for tensor in shadow.state_dict().values() if tensor.is_floating_point())


def test_sharing_is_kept() -> None:
    shadow = copy_with(tied(), MetaTensors())
    assert shadow[0].weight is shadow[1].weight
    assert shadow[0].part.untyped_storage()._cdata == shadow[0].weight.untyped_storage()._cdata


def test_kinds_flags_and_attributes_are_kept() -> None:
    model = tied()
    model[0].weight.requires_grad_(False)
    model[0].weight.decay = False
    shadow = copy_with(model, MetaTensors())
    assert isinstance(shadow[0].weight, nn.Parameter)
    assert (shadow[0].weight.requires_grad, shadow[0].bias.requires_grad) == (False, True)
    assert shadow[0].weight.decay is False
    assert shadow[0].weight.stride() == model[0].weight.stride()


def test_small_integer_tables_keep_their_values() -> None:
    model = nn.Module()
    model.register_buffer("order", torch.tensor([2, 0, 1]))
    model.register_buffer("long", torch.zeros(MAX_CONSTANT + 1, dtype=torch.uint8))
    shadow = copy_with(model, MetaTensors())
    assert shadow.order.tolist() == [2, 0, 1]
    assert shadow.order is not model.order
    assert shadow.long.is_meta


def test_tensors_in_plain_attributes_and_containers() -> None:
    model = nn.Module()
    model.scale = torch.ones(3)
    model.tables = {"a": [torch.ones(4)], "b": (torch.ones(5),)}
    assert sorted(tensor.numel() for tensor in tensors_in(model)) == [3, 4, 5]
    shadow = copy_with(model, MetaTensors())
    assert shadow.scale.is_meta
    assert shadow.tables["a"][0].is_meta


def test_a_tensor_that_was_computed_can_be_copied() -> None:
    model = nn.Linear(4, 4)
    model.doubled = model.weight * 2  # deepcopy alone refuses a tensor with a gradient function
    assert copy_with(model, MetaTensors()).doubled.is_meta


def test_a_huge_module_takes_no_memory() -> None:
    with torch.device("meta"):
        model = nn.Linear(2**20, 2**20)
    assert copy_with(model, MetaTensors()).weight.shape == (2**20, 2**20)


def test_lazy_parameters_stay_lazy() -> None:
    shadow = copy_with(nn.LazyLinear(3), MetaTensors())
    assert nn.parameter.is_lazy(shadow.weight)
    shadow(torch.empty(2, 5, device="meta"))
    assert shadow.weight.shape == (3, 5)


def use(model: nn.Sequential) -> None:
    with borrowed_with(model, MetaTensors()) as borrowed:
        assert borrowed is model
        assert model[0].weight.is_meta
        assert model[0].weight is model[1].weight
        assert model.scale.is_meta
        model.seen.append(2)
        model.extra = 1
        raise ValueError("stop")


def test_a_borrowed_module_is_given_back() -> None:
    model = tied()
    model.scale, model.seen = torch.ones(3), [1]
    before = {name: id(tensor) for name, tensor in model.named_parameters(remove_duplicate=False)}
    with pytest.raises(ValueError, match="stop"):
        use(model)
    assert {name: id(tensor) for name, tensor in model.named_parameters(remove_duplicate=False)} == before
    assert (model.seen, hasattr(model, "extra"), model.scale.is_meta) == ([1], False, False)


class Pickled(nn.Module):
    """Leaves out of its pickles what a forward reads."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(8, 8), nn.Linear(8, 8)
        self.both = True
        self.lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in ("both", "lock")}

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with self.lock:
            x = self.first(x)
            return self.second(x) if getattr(self, "both", False) else x


@pytest.mark.parametrize("wrap", [lambda model: model, nn.Sequential])
def test_what_pickles_leave_out_is_copied(wrap: Callable[[nn.Module], nn.Module]) -> None:
    model = Pickled()
    copied = copy_with(wrap(model), MetaTensors())
    inner = next(child for child in copied.modules() if isinstance(child, Pickled))
    assert inner is not model
    assert (inner.both, inner.lock) == (True, model.lock)
    assert inner.first.weight.is_meta
    assert analyze(wrap(model), torch.randn(2, 8)).total.macs == 2 * 2 * 8 * 8
