"""Wrappers are looked through: the inner module, and names, sources and weights below it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from analyzer.loading.loaded_model import LoadedModel, Source
from analyzer.loading.wrappers import inner_module, unwrapped, wrappers_of


class Named(nn.Module):
    """Not a wrapper, though it has a child called `module`."""

    def __init__(self) -> None:
        super().__init__()
        self.module = nn.Linear(2, 2)


def both(model: nn.Module) -> nn.Module:
    return nn.DataParallel(torch.compile(model))


@pytest.mark.parametrize(
    ("wrap", "names"),
    [
        (torch.compile, ["_orig_mod"]),
        (nn.DataParallel, ["module"]),
        (both, ["module", "_orig_mod"]),
        (nn.Identity(), []),
        (nn.Sequential, []),
    ],
)
def test_each_wrapper_is_named_from_the_outside_in(wrap, names):
    model = nn.Linear(2, 2)
    wrapped = wrap(model)
    assert [name for name, _ in wrappers_of(wrapped)] == names
    assert inner_module(wrapped) is (model if names else wrapped)


def test_a_child_of_that_name_is_no_wrapper():
    model = Named()
    assert inner_module(model) is model


def test_names_are_those_within_the_inner_model():
    model, root, layer = nn.Sequential(nn.Linear(2, 2)), Source("net.py", 1), Source("net.py", 2)
    weight = model[0].weight
    loaded = LoadedModel(
        name="net",
        target="net",
        module=both(model),
        candidates=(),
        sources={"": root, "module._orig_mod.0": layer},
        materialize=lambda: both(model),
        weights=lambda: {"module._orig_mod.0.weight": weight},
    )
    inner = unwrapped(loaded)
    assert inner.module is model
    assert inner.wrappers == ("module", "_orig_mod")
    assert inner.sources == {"": root, "0": layer}
    assert inner.materialize is not None
    assert inner.materialize() is model
    assert inner.weights is not None
    assert inner.weights() == {"0.weight": weight}


def test_a_model_without_wrappers_stays_as_it_is():
    loaded = LoadedModel("net", "net", nn.Linear(2, 2), ())
    assert unwrapped(loaded) is loaded
