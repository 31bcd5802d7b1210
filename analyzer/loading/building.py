"""Build a model without memory for its weights: meta tensors wherever values carry no meaning."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from math import prod
from typing import Any, SupportsIndex, TypeVar

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from analyzer.loading.meta_copy import MetaTensors, as_kind_of, is_constant, is_plain
from analyzer.values.errors import Problem

LARGE = 2**20
"""Elements above which even a constant tensor is not worth its memory."""

Result = TypeVar("Result")

_TENSOR = torch.Tensor

MEANINGLESS = (
    *(torch.empty, torch.empty_permuted, torch.empty_strided, torch.empty_like, torch.rand, torch.randn),
    *(torch.rand_like, torch.randn_like, torch.normal, _TENSOR.new_empty, _TENSOR.new_empty_strided),
)
"""Factories whose values are uninitialised or random, so that no forward depends on them."""

CONSTANT = (
    *(torch.zeros, torch.ones, torch.full, torch.zeros_like, torch.ones_like, torch.full_like, torch.eye),
    *(torch.randint, torch.randint_like, _TENSOR.new_zeros, _TENSOR.new_ones, _TENSOR.new_full),
)
"""Factories of values that a constructor may compute with: real unless they are large."""

VALUED = (
    *(torch.arange, torch.linspace, torch.logspace, torch.range, torch.tensor, torch.as_tensor, torch.asarray),
    *(torch.scalar_tensor, torch.randperm, torch.tril_indices, torch.triu_indices, torch.hann_window),
    *(torch.hamming_window, torch.blackman_window, torch.bartlett_window, torch.kaiser_window),
)
"""Factories whose values always matter."""

FILLERS = (
    *(nn.init.uniform_, nn.init.normal_, nn.init.constant_, nn.init.kaiming_uniform_, nn.init.kaiming_normal_),
    *(_TENSOR.uniform_, _TENSOR.normal_, _TENSOR.random_, _TENSOR.bernoulli_, _TENSOR.exponential_),
    *(_TENSOR.cauchy_, _TENSOR.log_normal_),
)
"""Functions that fill a tensor in place, all but one of them with random values."""

MOVERS = (_TENSOR.to, _TENSOR.cuda, _TENSOR.cpu)


class _WithoutMemory(TorchFunctionMode):
    def __init__(self, large: int) -> None:
        super().__init__()
        self.large = large
        self.rules: dict[Any, Callable[[Any, Any, Any], Any]] = {
            **dict.fromkeys(VALUED, self._on_cpu),
            **dict.fromkeys(CONSTANT, self._constant),
            **dict.fromkeys(MEANINGLESS, self._meta),
            **dict.fromkeys(FILLERS, self._fill),
            **dict.fromkeys(MOVERS, self._move),
        }

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        rule = self.rules.get(func)
        if rule is None:
            return func(*args, **(kwargs or {}))
        return rule(func, args, kwargs or {})

    def _meta(self, func: Any, args: Any, kwargs: Any) -> Any:
        if kwargs.get("out") is not None or (func is torch.normal and "size" not in kwargs and len(args) < 3):
            return func(*args, **kwargs)
        kwargs = {name: value for name, value in kwargs.items() if name not in ("generator", "pin_memory")}
        return func(*args, **kwargs | {"device": "meta"})

    def _constant(self, func: Any, args: Any, kwargs: Any) -> Any:
        if _numel(func, args, kwargs) > self.large:
            return self._meta(func, args, kwargs)
        return self._on_cpu(func, args, kwargs)

    def _on_cpu(self, func: Any, args: Any, kwargs: Any) -> Any:
        if kwargs.get("device") is None or torch.device(kwargs["device"]).type in ("cpu", "meta"):
            return func(*args, **kwargs)
        return func(*args, **kwargs | {"device": "cpu"})

    def _fill(self, func: Any, args: Any, kwargs: Any) -> Any:
        tensor = args[0] if args else kwargs["tensor"]
        if tensor.is_meta or (tensor.numel() > self.large and func is not nn.init.constant_):
            return tensor
        return func(*args, **kwargs)

    def _move(self, func: Any, args: Any, kwargs: Any) -> Any:
        """Change the dtype but never the device."""
        tensor, *rest = args
        for item in (*rest, *kwargs.values()):
            if isinstance(item, (torch.dtype, torch.Tensor)):
                return func(tensor, item if isinstance(item, torch.dtype) else item.dtype)
        return tensor


def _numel(func: Any, args: Any, kwargs: Any) -> int:
    """Elements of the tensor that a factory is about to make; 0 when that is not plain to see."""
    if func.__name__.endswith("_like"):
        return int(args[0].numel())
    if func.__name__.startswith("new_"):
        args = args[1:]
    if func is torch.eye:
        sides = [*args, *(kwargs[name] for name in ("n", "m") if name in kwargs)]
        return int(sides[0]) * int(sides[-1])
    sizes = kwargs.get("size") or next((item for item in args if isinstance(item, (tuple, list))), None) or args
    return prod(int(size) for size in sizes if isinstance(size, SupportsIndex))


@contextmanager
def torch_state_kept() -> Iterator[None]:
    """Leave torch's random generator, default dtype and default device as they were."""
    random, dtype, context = torch.get_rng_state(), torch.get_default_dtype(), _default_device()
    try:
        yield
    finally:
        torch.set_rng_state(random)
        torch.set_default_dtype(dtype)
        if _default_device() is not context:
            torch.set_default_device(context.device if context else None)


def _default_device() -> Any:
    """The context that `torch.set_default_device` keeps; None when it was never called."""
    return getattr(torch._GLOBAL_DEVICE_CONTEXT, "device_context", None)


@contextmanager
def without_memory(large: int = LARGE) -> Iterator[None]:
    """Within, random and uninitialised tensors are meta tensors, and constants of more than `large` elements too.

    Small constants, ranges and index tables stay real on the CPU, whatever device was asked for, so that
    a constructor can compute with them. Random initialisation is skipped and torch's state kept.
    """
    with torch_state_kept(), _WithoutMemory(large):
        yield


def build(make: Callable[[], Result]) -> Result:
    """What `make` returns, built without memory if it can be, else for real.

    A constructor that computes with constants gets them on the first attempt; one that runs its own layers
    needs all tensors on one device, as on the second. An error of the last, ordinary attempt is the caller's.
    """
    for large in (LARGE, 0):
        try:
            with without_memory(large):
                return make()
        except (SyntaxError, ImportError, Problem):
            raise
        except Exception:
            continue
    with torch_state_kept():
        return make()


_SEED: ContextVar[int] = ContextVar("seed", default=0)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Meanwhile what is built for real is built with another seed: what differs was random."""
    token = _SEED.set(seed)
    try:
        yield
    finally:
        _SEED.reset(token)


def build_for_real(make: Callable[[], Result]) -> Result:
    """What `make` returns with real weights, the same at every call."""
    with torch_state_kept():
        torch.manual_seed(_SEED.get())
        return make()


def release(module: nn.Module) -> None:
    """Put every weight that is still real on the meta device; small integer tensors stay readable.

    Tensors that share memory share it afterwards too.
    """
    on_meta, emptied = MetaTensors(), dict[int, Any]()
    for owner in module.modules():
        for tensors in (owner._parameters, owner._buffers):
            for name, tensor in tensors.items():
                if tensor is None or tensor.is_meta or not is_plain(tensor) or is_constant(tensor):
                    continue
                if id(tensor) not in emptied:
                    emptied[id(tensor)] = tensor, as_kind_of(tensor, on_meta(tensor))
                tensors[name] = emptied[id(tensor)][1]
        if isinstance(owner, nn.RNNBase):  # it keeps a second list of its weights
            owner._flat_weights = [getattr(owner, name, None) for name in owner._flat_weights_names]
