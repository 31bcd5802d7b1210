"""Say in one sentence why a forward could not be traced: the layer, the user's line, what was wanted."""

from __future__ import annotations

import traceback
from pathlib import Path
from types import TracebackType

import torch
from torch import nn

from analyzer.loading.inputs.module_inputs import batched
from analyzer.loading.loaded_model import Inputs, LoadedModel
from analyzer.values.errors import Problem
from analyzer.values.graph import Trace

Shapes = tuple[tuple[int, ...], ...]
PACKAGE = str(Path(__file__).resolve().parent.parent)
TORCH = str(Path(torch.__file__).parent)
NEEDS_VALUES = (
    "meta tensor",
    "meta tensors",
    "meta backend",
    "'meta'",
    "device type",
    "data-dependent",
    "data dependent",
    "dynamicoutputshape",
    "_local_scalar_dense",
    "fake",
    "no data",
    "unallocated storage",
    "same device",
    "needsvalues",
)


class NeedsValues(RuntimeError):
    """Raised where tensors without values would have to have them."""


def lacks_values(error: BaseException) -> bool:
    """Whether values were missing, rather than something being wrong with the call."""
    text = f"{type(error).__name__}: {error}".lower()
    return isinstance(error, NotImplementedError) or any(words in text for words in NEEDS_VALUES)


class Failure(Exception):
    """One forward that raised, on one backend, with one set of inputs; `trace` is what was seen if it did not raise."""

    def __init__(
        self,
        mode: str,
        inputs: Inputs,
        error: BaseException,
        failed: tuple[str, Shapes] | None,
        trace: Trace | None = None,
    ) -> None:
        super().__init__(str(error))
        self.trace = trace
        self.mode = mode
        self.inputs = inputs
        self.error = error
        self.failed = failed

    @property
    def message(self) -> str:
        """Type and first line of what was raised."""
        lines = str(self.error).strip().splitlines()
        return f"{type(self.error).__name__}: {lines[0] if lines else ''}".rstrip(": ")

    @property
    def needs_values(self) -> bool:
        """Whether values were missing, rather than something being wrong with the call."""
        return lacks_values(self.error)

    @property
    def why(self) -> str:
        """The reason for going one backend down."""
        layer = f" in `{self.failed[0]}`" if self.failed and self.failed[0] else ""
        return f"the forward{layer} cannot be followed on {self.mode} tensors ({self.message})"


def explain(loaded: LoadedModel, failures: list[Failure]) -> Problem:
    """The problem to show for a forward that no backend carried: that of the lowest backend, first inputs."""
    if not failures:
        return Problem(f"no inputs are known for {loaded.target}: give them with --input, such as --input 1x3x224x224")
    last = next(failure for failure in failures if failure.mode == failures[-1].mode)
    place = _user_line(last.error.__traceback__)
    where = f"{place}: " if place else ""
    problem = Problem(f"{where}{_refusal(loaded, last)}: {last.message}{_advice(loaded, last)}")
    problem.__cause__ = last.error
    return problem


def _refusal(loaded: LoadedModel, failure: Failure) -> str:
    """A layer of torch refuses what it is given; a forward that the user wrote raises."""
    if failure.failed is None:
        return "the forward raised"
    path, shapes = failure.failed
    layer = _layer(loaded.module, path)
    got = ", ".join("×".join(map(str, shape)) or "a scalar" for shape in shapes)
    if layer is None or not type(layer).__module__.startswith("torch."):
        return f"{_called(path, layer)} raised{f', given {got}' if got else ''}"
    return f"{_called(path, layer)} refused its input{f' {got}' if got else ''}"


def _called(path: str, layer: nn.Module | None) -> str:
    """How a sentence names a layer: its path, and what it was made with where that fits in."""
    if layer is None:
        return f"layer `{path}`"
    made = "" if next(layer.children(), None) else layer.extra_repr()
    kind = f"{type(layer).__name__}({made})" if made and "\n" not in made else type(layer).__name__
    return f"layer `{path}`, {kind}," if path else f"model {kind}"


def _layer(module: nn.Module, path: str) -> nn.Module | None:
    """The module at a path; None when the path is inside a wrapper that was looked through."""
    return dict(module.named_modules()).get(path)


def _advice(loaded: LoadedModel, failure: Failure) -> str:
    """Where the input came from, when it was not the user who gave it; else whether it lacks a batch dimension."""
    if not failure.inputs.assumption:
        wanted = batched(loaded.module, failure.inputs)
        spec = "x".join(map(str, wanted.shape)) if wanted else ""
        return f" (the input has no batch dimension; give it with one, as --input {spec})" if spec else ""
    return f" ({failure.inputs.assumption}; give another with --input, such as --input 1x3x224x224)"


def _user_line(trace: TracebackType | None) -> str:
    """The innermost frame that is neither torch's nor ours."""
    frames = [f for f in traceback.extract_tb(trace) if not f.filename.startswith((TORCH, PACKAGE, "<"))]
    if not frames:
        return ""
    path = Path(frames[-1].filename)
    shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path.name
    return f"{shown}:{frames[-1].lineno}"
