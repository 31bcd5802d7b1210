"""Other counters of FLOPs, each asked for the MACs that it prints; those that are not installed are skipped by name."""

import contextlib
import copy
import importlib
import inspect
import io
import logging
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from torch import nn

Args, Named = tuple[Any, ...], Mapping[str, Any]
Counter = Callable[[nn.Module, Args, Named], Any]


def asked(counter: str, module: nn.Module, *args: Any) -> int:
    """What a counter prints for a copy of the module; the test is skipped where its package is not installed."""
    pytest.importorskip(counter.partition(" ")[0], reason=f"{counter} is not installed: pip install .[peers]")
    return ask(counter, module, *args)


def ask(counter: str, module: nn.Module, *args: Any, **kwargs: Any) -> int:
    """As `asked`; ImportError where it is not installed. Arguments go by name where the counter takes them so."""
    importlib.import_module(counter.partition(" ")[0])
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(action="ignore"), contextlib.redirect_stdout(io.StringIO()):
            return int(COUNTERS[counter](copy.deepcopy(module), args, kwargs))
    finally:
        logging.disable(logging.NOTSET)


def _ptflops(backend: str) -> Counter:
    def count(module: nn.Module, args: Args, kwargs: Named) -> Any:
        from ptflops import get_model_complexity_info

        options = {"as_strings": False, "print_per_layer_stat": False, "backend": backend}
        is_one_tensor = len(args) == 1 and not kwargs
        given = args[0] if is_one_tensor else inspect.signature(module.forward).bind(*args, **kwargs).arguments
        found = get_model_complexity_info(module, (1,), input_constructor=lambda _: given, **options)[0]
        if found is None:
            raise RuntimeError("ptflops failed")
        return found

    return count


def _thop(module: nn.Module, args: Args, kwargs: Named) -> Any:
    from thop import profile

    return profile(module, (*args, *kwargs.values()), verbose=False)[0]


def _torchinfo(module: nn.Module, args: Args, kwargs: Named) -> Any:
    from torchinfo import summary

    return summary(module, input_data=dict(kwargs) or list(args), verbose=0).total_mult_adds


def _calflops(module: nn.Module, args: Args, kwargs: Named) -> Any:
    from calflops.calculate_pipline import CalFlopsPipline

    counter = CalFlopsPipline(module.eval(), include_backPropagation=False, compute_bp_factor=2.0)
    counter.start_flops_calculate()
    try:
        module(*args, **kwargs)
        return counter.get_total_macs()
    finally:
        counter.end_flops_calculate()


def _deepspeed(module: nn.Module, args: Args, kwargs: Named) -> Any:
    from deepspeed.profiling.flops_profiler import FlopsProfiler

    counter = FlopsProfiler(module.eval())
    counter.start_profile()
    try:
        module(*args, **kwargs)
        return counter.get_total_macs()
    finally:
        counter.end_profile()


def _torchprofile(module: nn.Module, args: Args, kwargs: Named) -> Any:
    from torchprofile import profile_macs

    return profile_macs(module, (*args, *kwargs.values()))


COUNTERS: dict[str, Counter] = {
    "ptflops (pytorch)": _ptflops("pytorch"),
    "ptflops (aten)": _ptflops("aten"),
    "thop": _thop,
    "torchinfo": _torchinfo,
    "calflops": _calflops,
    "deepspeed": _deepspeed,
    "torchprofile": _torchprofile,
}
