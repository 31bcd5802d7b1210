"""Inputs to try for a module: those asked for, those it or its file declares, else guesses."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from analyzer.loading.inputs.example_inputs import from_example
from analyzer.loading.inputs.input_guessing import guesses, taken_by_layers
from analyzer.loading.inputs.named_sizes import asked
from analyzer.loading.loaded_model import Inputs, InputSpec
from analyzer.values.requests import ModelRequest

if TYPE_CHECKING:
    from torch import nn

LIGHTNING = "example_input_array"
"""Where a LightningModule keeps an example of its forward's arguments."""


def candidates_of(request: ModelRequest, module: nn.Module, declared: tuple[Inputs, ...] = ()) -> tuple[Inputs, ...]:
    """The request's own inputs alone, else what is declared, else the module's example, else what fits its layers."""

    def inferred() -> tuple[Inputs, ...]:
        return declared or _own_example(module) or guesses(module)

    return asked(request.inputs, module, declared, inferred) if request.inputs else inferred()


def _own_example(module: nn.Module) -> tuple[Inputs, ...]:
    try:
        example = getattr(module, LIGHTNING, None)
    except Exception:  # a property of the user's own may raise anything
        return ()
    if example is None:
        return ()
    return (replace(from_example(example), assumption=f"inputs are the module's `{LIGHTNING}`"),)


def batched(module: nn.Module, inputs: Inputs) -> InputSpec | None:
    """The first of the inputs with the batch dimension that it lacks; None where its layers do not want one more.

    Decided by the first layers: they take one dimension more, and the sizes that they fix are the input's.
    """
    for spec in (*inputs.args, *inputs.kwargs.values()):
        if not isinstance(spec, InputSpec):
            continue
        wanted = replace(spec, shape=(1, *spec.shape))
        if any(_is_alike(wanted, taken) for taken in taken_by_layers(module)):
            return wanted
    return None


def _is_alike(spec: InputSpec, other: InputSpec) -> bool:
    """Whether both have as many dimensions, and the same channels, or features where there are two."""
    if len(spec.shape) != len(other.shape) or len(spec.shape) < 2:
        return False
    return spec.shape[1] == other.shape[1] and (spec.dtype == "int64") == (other.dtype == "int64")
