"""A copy of the model that runs for real, its fixed input, and the conditions under which both are timed."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.utils.benchmark import Timer

from analyzer.loading.loaded_model import InputSpec
from analyzer.measuring.interleaving import Sample
from analyzer.measuring.memory_limits import available, needed, refuse_what_does_not_fit
from analyzer.tracing.backends import REAL
from analyzer.tracing.containers import Leaf, leaves, map_leaves
from analyzer.tracing.left_as_found import left_as_found
from analyzer.values.errors import Problem
from analyzer.values.timings import Conditions

if TYPE_CHECKING:
    from analyzer.advising.advisor import AdvisedModel
    from analyzer.loading.loaded_model import LoadedModel
    from analyzer.measuring.timing_settings import Settings


@dataclass
class BenchmarkModel:
    """A model that may be altered, in eval mode, and the arguments that every forward gets."""

    name: str
    module: nn.Module
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    settings: Settings

    def forward(self) -> Any:
        """One forward on the fixed input; what it returns is never fed back."""
        return self.module(*self.args, **self.kwargs)

    def sample(self, run: Callable[[], object]) -> Sample:
        """Times blocks of runs with torch's own timer, which also waits for a GPU."""
        timer = Timer("run()", globals={"run": run}, num_threads=self.settings.threads)
        return lambda: timer.blocked_autorange(min_run_time=self.settings.block).times

    def synchronize(self) -> None:
        """Wait until the device has done all that it was given."""
        if self.settings.device.startswith("cuda"):
            torch.cuda.synchronize(self.settings.device)


@contextmanager
def open_benchmark_model(advised_model: AdvisedModel, settings: Settings) -> Iterator[BenchmarkModel]:
    """The model with values, on the device and in the layout that are asked for; the user's own is not touched.

    Problem when it does not fit into memory, before any is taken, and when its forward does not run.
    """
    loaded = advised_model.loaded
    _refuse_large(advised_model, settings)
    with left_as_found(loaded), _fixed(settings), REAL.module(loaded) as module:
        settled = _settled(module.eval(), settings)
        benchmark = BenchmarkModel(loaded.name, settled, *_arguments(advised_model, settled, settings), settings)
        with torch.inference_mode():
            _try(benchmark)
            yield benchmark


def _refuse_large(advised_model: AdvisedModel, settings: Settings) -> None:
    itemsize = getattr(torch, settings.dtype).itemsize if settings.dtype else None
    # A checkpoint's tensors and the module that they are loaded into are held at the same time.
    copies = 2 if advised_model.loaded.weights else 1
    scale = settings.batch / (_batch(advised_model) or 1) if settings.batch else 1.0
    wanted = needed(advised_model.count, copies, scale, itemsize)
    refuse_what_does_not_fit(advised_model.loaded.name, wanted, available(settings.device))


def _batch(advised_model: AdvisedModel) -> int | None:
    """The leading size that all inputs share."""
    sizes = {given.shape[0] if given.shape else None for given in advised_model.count.trace.inputs}
    return sizes.pop() if len(sizes) == 1 else None


@contextmanager
def _fixed(settings: Settings) -> Iterator[None]:
    """A fixed number of threads and one device, which are afterwards as they were."""
    kept = torch.get_num_threads()
    torch.set_num_threads(settings.threads)
    on_device = torch.cuda.device(settings.device) if settings.device.startswith("cuda") else nullcontext()
    try:
        with on_device:
            yield
    finally:
        torch.set_num_threads(kept)


def _settled(module: nn.Module, settings: Settings) -> nn.Module:
    module = module.to(settings.device, getattr(torch, settings.dtype) if settings.dtype else None)
    return laid_out(module, settings)


def laid_out(module: nn.Module, settings: Settings) -> nn.Module:
    """Weights of four dimensions channels last, when asked for."""
    layout: Any = torch.channels_last
    return module.to(memory_format=layout) if settings.channels_last else module


def _arguments(advised_model: AdvisedModel, module: nn.Module, settings: Settings) -> tuple[Any, Any]:
    inputs = advised_model.loaded.candidates[advised_model.count.trace.candidate]
    if settings.batch and _batch(advised_model) is None:
        raise Problem(f"--batch: the inputs of {advised_model.loaded.name} do not share a first size; use --input")
    torch.manual_seed(0)

    def make(leaf: Leaf) -> torch.Tensor:
        return _input(_resized(leaf, settings.batch), module, settings)

    return map_leaves(tuple(inputs.args), make), map_leaves(dict(inputs.kwargs), make)


def _resized(leaf: Leaf, batch: int | None) -> Leaf:
    """The same input for another batch: random anew."""
    if batch is None or batch == leaf.shape[0]:
        return leaf
    return InputSpec((batch, *leaf.shape[1:]), str(leaf.dtype).removeprefix("torch."), getattr(leaf, "high", 2))


def _input(leaf: Leaf, module: nn.Module, settings: Settings) -> torch.Tensor:
    tensor: torch.Tensor = REAL.make_input(leaf, module).detach().to(settings.device)
    if settings.dtype and tensor.is_floating_point():
        tensor = tensor.to(getattr(torch, settings.dtype))
    if settings.channels_last and tensor.dim() == 4:
        tensor = tensor.contiguous(memory_format=torch.channels_last)
    return tensor


def _try(benchmark: BenchmarkModel) -> None:
    try:
        benchmark.forward()
        benchmark.synchronize()
    except Exception as error:  # whatever the model's own code raises
        settings = benchmark.settings
        how = f"on {settings.device}" + (f" in {settings.dtype}" if settings.dtype else "")
        first = (str(error).strip().splitlines() or [""])[0]
        why = f"it does not run {how} ({type(error).__name__}: {first})"
        raise Problem(f"{benchmark.name} cannot be timed: {why}") from error


def conditions_of(benchmark: BenchmarkModel, loaded: LoadedModel) -> Conditions:
    """What has to be said beside every number."""
    first = next(benchmark.module.parameters(), None)
    shapes = [leaf.shape for _, leaf in leaves((benchmark.args, benchmark.kwargs))]
    return Conditions(
        device=benchmark.settings.device,
        processor=_processor(benchmark.settings.device),
        dtype="float32" if first is None else str(first.dtype).removeprefix("torch."),
        threads=benchmark.settings.threads,
        inputs=tuple(tuple(shape) for shape in shapes),
        channels_last=benchmark.settings.channels_last,
        weights=_weights(loaded),
        torch=str(torch.__version__),
        load=round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        cores=_cores(),
    )


def _weights(loaded: LoadedModel) -> str:
    if loaded.checkpoint:
        return f"from {loaded.checkpoint}"
    own = loaded.materialize is None and not any(tensor.is_meta for tensor in loaded.module.parameters())
    return "the module's own" if own else "random"


def _cores() -> int | None:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def _processor(device: str) -> str:
    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    return f"{platform.machine()}, {torch.backends.cpu.get_cpu_capability()}"
