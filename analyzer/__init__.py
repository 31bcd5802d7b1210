"""Static analysis of PyTorch models: exact parameters and FLOPs per layer, without running or allocating anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from analyzer.values.errors import Problem
from analyzer.values.results import Advice, Analysis
from analyzer.version import VERSION

if TYPE_CHECKING:
    from torch import nn

__version__ = VERSION
__all__ = ["Advice", "Analysis", "Problem", "__version__", "analyze", "rewrite"]


def analyze(
    model: nn.Module, args: Any = (), kwargs: Mapping[str, Any] | None = None, *, name: str | None = None
) -> Analysis:
    """Count the parameters and the work of one forward pass, `model(*args, **kwargs)`.

    One argument may be given as it is, without a tuple around it. Tensors may be real, meta or fake, on any device:
    only their shapes and dtypes are read, unless the forward depends on values. The model is analysed in the mode that
    it is in (training or eval) and is left exactly as it was. Raises Problem, one sentence for the user, when the
    forward fails.
    """
    from analyzer.analysis import analyze_loaded
    from analyzer.loading import from_module

    return analyze_loaded(from_module(model, _positional(args), dict(kwargs or {}), name))


def rewrite(
    model: nn.Module, advice: Iterable[Advice], args: Any = None, kwargs: Mapping[str, Any] | None = None
) -> nn.Module:
    """A copy of the model with what is advised in it and weights carried over; the model is left as it is.

    Weights are exact for advice of effort "none" and the best approximation for the rest. Facts, which propose nothing,
    are passed over. Given the arguments of a forward, as to `analyze`, the exact changes are run on them first, the
    copy beside the model. Raises Problem where the outputs differ by more than rounding, with the layer and how far;
    where a layer cannot be replaced, or would be by two pieces of advice.
    """
    from analyzer.rewriting.export import rewrite as carry_out

    if args is None and kwargs is None:
        return carry_out(model, advice)
    return carry_out(model, advice, (_positional(args), dict(kwargs or {})))


def _positional(args: Any) -> tuple[Any, ...]:
    """One argument may be given without a tuple around it."""
    if args is None:
        return ()
    return tuple(args) if type(args) in (tuple, list) else (args,)
