"""Static analysis of PyTorch models: exact parameters and FLOPs per layer, without running or allocating anything."""

from __future__ import annotations

TYPE_CHECKING = False  # as type checkers read it; importing it from typing would be the slowest line here

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from torch import nn

    from analyzer.fitting import FitPlan
    from analyzer.rewriting.recalibrating import CalibrationInputs
    from analyzer.values.advice import Advice
    from analyzer.values.counts import Cost
    from analyzer.values.errors import Problem
    from analyzer.values.results import Analysis
    from analyzer.version import VERSION as __version__  # noqa: N811 - as the packaging guide has it

_HOMES = {
    "Advice": "values.advice",
    "Analysis": "values.results",
    "Cost": "values.counts",
    "Problem": "values.errors",
    "__version__": "version",
}
"""Where the names are written that are imported at their first use."""
__all__ = ["Advice", "Analysis", "Cost", "Problem", "__version__", "analyze", "fit", "formula", "kernel", "rewrite"]


def __getattr__(name: str) -> Any:
    """Imported when they are asked for: the command reads this file before it can say that it was stopped."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found = getattr(import_module(f"{__name__}.{_HOMES[name]}"), "VERSION" if name == "__version__" else name)
    if name == "Analysis":
        import_module(f"{__name__}.formats.html.notebook").attach()
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return __all__


def analyze(
    model: nn.Module,
    args: Any = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    name: str | None = None,
    calibrate: Any = None,
    device: str | None = None,
    symbolic: bool = False,
    steps: bool = False,
) -> Analysis:
    """Count the parameters and the work of one forward pass, `model(*args, **kwargs)`.

    One argument may be given as it is, without a tuple around it. Tensors may be real, meta or fake, on any device:
    only their shapes and dtypes are read, unless the forward depends on values. The model is analysed in the mode that
    it is in (training or eval) and is left exactly as it was. With calibration inputs to `calibrate` on, as `fit` takes
    them, the harm of suggestions is measured and ranks them. `device` is the profile that times and bounds are
    estimated for, as `--device-profile` takes it. With `symbolic` costs are told as exact formulas in the sizes of the
    inputs as well, and `analysis.at(batch=8)` is the analysis at other sizes; with `steps`, what is kept between steps
    of a causal or recurrent model, and what a prefill and one more token cost. Raises Problem, one sentence for the
    user, when the forward fails, when there is no such device, with `calibrate` when the weights look untrained, or
    with `symbolic` when no size can change.
    """
    from dataclasses import replace

    from analyzer.analysis import study, with_harms
    from analyzer.loading import from_module
    from analyzer.values.requests import AnalysisOptions

    loaded = from_module(model, _positional(args), dict(kwargs or {}), name)
    found = study(loaded, replace(AnalysisOptions.on(device), symbolic=symbolic, steps=steps))
    if calibrate is None or found.model is None or found.model.facts is None:
        return found.analysis
    from analyzer.advising.measured_harm import to_measure
    from analyzer.fitting.proposal_harms import module_harms

    proposals = [item.proposal for item in to_measure(found.model.advised) if item.proposal]
    harms = module_harms(found.model.loaded.module, found.analysis.inputs, calibrate, proposals, found.model.facts)
    return with_harms(found, harms.harms, harms.measurement).analysis


def formula(operator: str, function: Callable[..., Any] | None = None) -> Callable[..., Any]:
    """Say what an operator of your own costs, as a decorator or with the function: `analyzer.formula("mylib::op")`.

    The function is called with the shapes of what it names: arguments by their names in the operator's schema (tensors
    as their shapes, all else as it is), and `out`, the shape of the result or a tuple of the shapes of several. It
    returns multiply-accumulates as an integer, a `Cost`, or None where shapes do not tell. It holds for every analysis
    of this process. Raises Problem for an operator that the analyzer knows itself.
    """
    from analyzer.formulas import register

    if function is None:
        return lambda given: formula(operator, given)
    register(operator, function)
    return function


def kernel(
    operator: str,
    function: Callable[..., Any] | None = None,
    *,
    shape: Callable[..., Any],
    cost: Callable[..., Any] | None = None,
    changes: Iterable[str] = (),
) -> Any:
    """Make one operator of a Python function around a compiled kernel: `analyzer.kernel("mylib::op", shape=...)`.

    As a decorator or with the function; what is returned is called as the function was. `shape` says without values
    what the kernel returns: it is called with the shapes of the arguments that it names, and returns the shape of the
    result or a tuple of those of several, of the first tensor's data type. `cost` is what `formula` takes; without it
    the operator is named as uncounted. `changes` names the arguments that the kernel writes to. Raises Problem where
    torch cannot make an operator of the function, or when the analyzer knows the operator itself.
    """
    if function is None:
        return lambda given: kernel(operator, given, shape=shape, cost=cost, changes=changes)
    from analyzer.tracing.compiled_kernels import as_operator

    if cost is not None:
        formula(operator, cost)
    return as_operator(operator, function, shape, changes)


def rewrite(
    model: nn.Module,
    advice: Iterable[Advice | str],
    args: Any = None,
    kwargs: Mapping[str, Any] | None = None,
    *,
    inputs: Any = None,
    device: str | None = None,
) -> nn.Module:
    """A copy of the model with what is advised in it and weights carried over; the model is left as it is.

    `advice` are pieces of an analysis (facts, which propose nothing, are passed over), or requests as `--apply` takes
    them: "GRP101=8:layer4.*", "LOW101=95%:conv2". Weights are exact for advice of effort "none" and the best
    approximation for the rest. Of neighbours that cannot both be changed the later one is left out, with a warning.

    Given the arguments of a forward, as to `analyze`, the exact changes are run on them first, and channels are put in
    the order that groups keep most of. Given calibration `inputs`, as `fit` takes them, batch normalization is
    estimated anew. Requests are for the `device` profile, as in `analyze`. Raises Problem where exact changes alter the
    outputs by more than rounding, with the layer and how far; where a layer cannot be replaced, or would be by two
    pieces of advice.
    """
    from analyzer.advising.rewrite_module import rewrite_module

    calibration = None if inputs is None else _calibration(model, inputs)
    if args is None and kwargs is None:
        return rewrite_module(model, advice, inputs=calibration)
    from analyzer.analysis import study
    from analyzer.loading import from_module
    from analyzer.values.requests import AnalysisOptions

    arguments = (_positional(args), dict(kwargs or {}))
    found = study(from_module(model, *arguments), AnalysisOptions.on(device)).model
    return rewrite_module(model, advice, found, arguments, calibration)


def fit(
    model: nn.Module,
    inputs: Any,
    *,
    params: int | float | str | None = None,
    macs: int | float | str | None = None,
    size: int | float | str | None = None,
    peak_memory: int | float | str | None = None,
    latency: int | float | str | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> FitPlan:
    """A smaller model that meets all budgets with the least predicted harm, its weights fitted to what the model gives.

    `inputs` are calibration inputs without labels: a tensor (samples, ...), a tuple of arguments, or an iterable of
    batches such as a data loader. A budget is a share as a float (0.5), an amount as an integer, or a text ("50%",
    "2G", "20MB", "3ms"); it counts one forward of one sample. `latency` is estimated for one thread of a common
    processor, in nanoseconds where it is an integer. `plan.model` is the new model in eval mode, `plan.choices` what
    was done to each layer, `plan.curve` the trade-off; the model itself is left exactly as it was. Raises Problem, one
    sentence for the user, when no plan meets the budgets or the model refuses the inputs.
    """
    from functools import partial

    from analyzer.estimating.nanoseconds import clock
    from analyzer.fitting import fit_module
    from analyzer.values.devices import device_for

    budgets = {"params": params, "macs": macs, "size": size, "peak-memory": peak_memory, "latency": latency}
    return fit_module(model, inputs, budgets, partial(clock, device=device_for()), progress)


def _calibration(model: nn.Module, inputs: Any) -> CalibrationInputs:
    from analyzer.fitting.calibration_batches import calibration_of
    from analyzer.rewriting.recalibrating import CalibrationInputs

    found = calibration_of(model, inputs)
    return CalibrationInputs((*found.batches, *found.held_out), found.held_out, found.source)


def _positional(args: Any) -> tuple[Any, ...]:
    """One argument may be given without a tuple around it."""
    if args is None:
        return ()
    return tuple(args) if type(args) in (tuple, list) else (args,)
