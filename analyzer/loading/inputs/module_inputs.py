"""Inputs to try for a module: those asked for, those it or its file declares, else guesses."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from analyzer.loading.inputs.example_inputs import from_example, given
from analyzer.loading.inputs.input_guessing import guesses
from analyzer.loading.loaded_model import Inputs
from analyzer.values.requests import ModelRequest

if TYPE_CHECKING:
    from torch import nn

LIGHTNING = "example_input_array"
"""Where a LightningModule keeps an example of its forward's arguments."""


def candidates_of(request: ModelRequest, module: nn.Module, declared: tuple[Inputs, ...] = ()) -> tuple[Inputs, ...]:
    """The request's own inputs alone, else what is declared, else the module's example, else what fits its layers."""
    if request.inputs:
        return (given(request.inputs, module, declared),)
    return declared or _own_example(module) or guesses(module)


def _own_example(module: nn.Module) -> tuple[Inputs, ...]:
    try:
        example = getattr(module, LIGHTNING, None)
    except Exception:  # a property of the user's own may raise anything
        return ()
    if example is None:
        return ()
    return (replace(from_example(example), assumption=f"inputs are the module's `{LIGHTNING}`"),)
