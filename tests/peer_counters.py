"""Other counters of FLOPs, each asked for the MACs that it prints; those that are not installed are skipped by name."""

import contextlib
import copy
import importlib
import io
import logging
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn


def asked(counter: str, module: nn.Module, *args: Any) -> int:
    """What a counter prints for a copy of the module; the test is skipped where its package is not installed."""
    pytest.importorskip(counter.partition(" ")[0], reason=f"{counter} is not installed: pip install .[peers]")
    return ask(counter, module, *args)


def ask(counter: str, module: nn.Module, *args: Any) -> int:
    """As `asked`; ImportError where it is not installed."""
    importlib.import_module(counter.partition(" ")[0])
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(action="ignore"), contextlib.redirect_stdout(io.StringIO()):
            return int(COUNTERS[counter](copy.deepcopy(module), args))
    finally:
        logging.disable(logging.NOTSET)


def _ptflops(backend: str) -> Callable[[nn.Module, tuple[Any, ...]], Any]:
    def count(module: nn.Module, args: tuple[Any, ...]) -> Any:
        from ptflops import get_model_complexity_info

        options = {"as_strings": False, "print_per_layer_stat": False, "backend": backend}
        found = get_model_complexity_info(module, (1,), input_constructor=lambda _: args[0], **options)[0]
        if found is None:
            raise RuntimeError("ptflops failed")
        return found

    return count


def _thop(module: nn.Module, args: tuple[Any, ...]) -> Any:
    from thop import profile

    return profile(module, args, verbose=False)[0]


def _torchinfo(module: nn.Module, args: tuple[Any, ...]) -> Any:
    from torchinfo import summary

    return summary(module, input_data=list(args), verbose=0).total_mult_adds


def _calflops(module: nn.Module, args: tuple[Any, ...]) -> Any:
    from calflops.calculate_pipline import CalFlopsPipline

    counter = CalFlopsPipline(module.eval(), include_backPropagation=False, compute_bp_factor=2.0)
    counter.start_flops_calculate()
    try:
        module(*args)
        return counter.get_total_macs()
    finally:
        counter.end_flops_calculate()


def _deepspeed(module: nn.Module, args: tuple[Any, ...]) -> Any:
    from deepspeed.profiling.flops_profiler import FlopsProfiler

    counter = FlopsProfiler(module.eval())
    counter.start_profile()
    try:
        module(*args)
        return counter.get_total_macs()
    finally:
        counter.end_profile()


def _torchprofile(module: nn.Module, args: tuple[Any, ...]) -> Any:
    from torchprofile import profile_macs

    return profile_macs(module, args)


COUNTERS: dict[str, Callable[[nn.Module, tuple[torch.Tensor, ...]], Any]] = {
    "ptflops (pytorch)": _ptflops("pytorch"),
    "ptflops (aten)": _ptflops("aten"),
    "thop": _thop,
    "torchinfo": _torchinfo,
    "calflops": _calflops,
    "deepspeed": _deepspeed,
    "torchprofile": _torchprofile,
}
