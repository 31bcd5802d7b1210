"""The backends that can run a forward: meta, fake or real tensors. All give the same numbers where they run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from analyzer.loading.available_memory import free_memory
from analyzer.loading.loaded_model import InputSpec, LoadedModel
from analyzer.loading.meta_copy import MetaTensors, borrowed_with, copy_with, is_plain
from analyzer.tracing.constants import is_small_constant, makes_too_much
from analyzer.tracing.containers import Leaf, has_no_values, tensors_among
from analyzer.tracing.failure import NeedsValues
from analyzer.tracing.meta_kernels import SHORTCUTS
from analyzer.tracing.recorder import Run, signature
from analyzer.values.errors import Problem


@dataclass(frozen=True)
class Backend:
    """How to run a forward: the module to run, how to make an input, how to carry out an operator."""

    mode: str
    module: Callable[[LoadedModel], AbstractContextManager[nn.Module]]
    make_input: Callable[[Leaf, nn.Module], Any]
    run: Run
    is_symbolic: bool = False
    """Whether sizes are symbols, of which is not asked whether a device would refuse them."""


def run_plainly(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Carry an operator out as it stands."""
    return func(*args, **kwargs)


def run_on_meta(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Carry an operator out on meta tensors; real ones that meet them become meta, unless they are written to."""
    tensors = tensors_among((args, tuple(kwargs.values())))
    if not any(tensor.is_meta for tensor in tensors) and not makes_too_much(tensors):
        device = "cpu" if is_small_constant(func, args, kwargs) else _device_that_exists(kwargs.get("device"))
        return func(*args, **({**kwargs, "device": torch.device(device)} if device else kwargs))
    if not all(tensor.is_meta for tensor in tensors):
        _refuse_writing_to_real(func, args)
        args, kwargs = _to_meta(args), _to_meta(kwargs)
    if "device" in kwargs and torch.device(kwargs["device"] or "meta").type != "meta":
        kwargs = {**kwargs, "device": torch.device("meta")}
    shortcut = SHORTCUTS.get(func)
    result = None if shortcut is None else shortcut(*args, **kwargs)
    return func(*args, **kwargs) if result is None else result


def run_on_fake(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Carry an operator out on fake tensors; experts' products by our own rule, torch's wants half precision."""
    result = SHORTCUTS[func](*args, **kwargs) if func is torch.ops.aten._grouped_mm.default else None
    return func(*args, **kwargs) if result is None else result


def _refuse_writing_to_real(func: Any, args: tuple[Any, ...]) -> None:
    known = signature(func)
    for name, value in zip(known.names, args, strict=False):
        if name in known.written and not all(tensor.is_meta for tensor in tensors_among(value)):
            raise NeedsValues(f"{func} writes what is computed into a tensor with values")


def _device_that_exists(device: Any) -> Any:
    return device if device is None or torch.device(device).type in ("cpu", "meta") else "meta"


def _to_meta(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value if value.is_meta else _meta_like(value)
    if isinstance(value, list | tuple):
        return type(value)(_to_meta(item) for item in value)
    if isinstance(value, dict):
        return {key: _to_meta(item) for key, item in value.items()}
    return value


def _meta_like(tensor: torch.Tensor) -> torch.Tensor:
    if not is_plain(tensor):
        raise NeedsValues(f"a {type(tensor).__name__} of layout {tensor.layout} has no meta form")
    return torch.empty_strided(tensor.size(), tensor.stride(), dtype=tensor.dtype, device="meta")


@contextmanager
def _shadow(module: nn.Module, convert: Callable[[torch.Tensor], torch.Tensor]) -> Iterator[nn.Module]:
    try:
        copied = copy_with(module, convert)
    except Exception:  # whatever a user's class raises when copied
        with borrowed_with(module, convert) as borrowed:
            yield borrowed
    else:
        yield copied


def _meta_module(loaded: LoadedModel) -> AbstractContextManager[nn.Module]:
    if loaded.owned:
        return nullcontext(loaded.module)
    return _shadow(loaded.module, MetaTensors())


def _meta_input(leaf: Leaf, _: nn.Module) -> torch.Tensor:
    if isinstance(leaf, InputSpec):
        return torch.empty(leaf.shape, dtype=getattr(torch, leaf.dtype), device="meta")
    return _meta_like(leaf).requires_grad_(leaf.requires_grad)


def _fake(mode: Any, tensor: torch.Tensor) -> torch.Tensor:
    """A fake tensor on the tensor's own device; on the CPU for one that was built without memory."""
    from torch._subclasses.fake_tensor import FakeTensor

    meta = tensor if tensor.is_meta else _meta_like(tensor)
    device = torch.device("cpu") if tensor.is_meta else tensor.device
    return FakeTensor(mode, meta.detach(), device)


@contextmanager
def fake_module(loaded: LoadedModel, **options: Any) -> Iterator[nn.Module]:
    """The module on fake tensors; `options` go to the mode that carries them."""
    from torch._subclasses.fake_tensor import FakeTensorMode

    mode = FakeTensorMode(allow_non_fake_inputs=True, **options)
    to_meta = MetaTensors()
    # Copied outside the mode, which would empty what it cannot convert, sparse tensors above all.
    shadow = _shadow(loaded.module, lambda tensor: _fake(mode, to_meta(tensor)))
    with shadow as module, mode, _without_log():
        yield module


@contextmanager
def _without_log() -> Iterator[None]:
    """Fake tensors log an error before they raise it; raised is enough."""
    logger = logging.getLogger("torch._subclasses.fake_tensor")
    disabled, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = disabled


def _fake_input(leaf: Leaf, module: nn.Module) -> torch.Tensor:
    from torch._guards import detect_fake_mode

    meta = _meta_input(leaf, module)
    return _fake(detect_fake_mode(), meta).requires_grad_(meta.requires_grad)


@contextmanager
def _real_module(loaded: LoadedModel) -> Iterator[nn.Module]:
    _refuse_what_does_not_fit(loaded.module)
    if loaded.materialize is not None:
        yield loaded.materialize()
        return
    with _shadow(loaded.module, _with_values) as module:
        yield module


def _refuse_what_does_not_fit(module: nn.Module) -> None:
    needed = sum(t.numel() * t.element_size() for t in module.state_dict(keep_vars=True).values() if _has_size(t))
    available = free_memory()
    if available is not None and needed > available:
        raise Problem(
            "this model's forward depends on values, so it must run for real, and its weights need "
            f"{_gib(needed)} of memory where {_gib(available)} are free: analyse a smaller configuration"
        )


def _gib(nbytes: int) -> str:
    return f"{nbytes / 2**30:.1f} GiB"


def _has_size(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and not nn.parameter.is_lazy(value)


def _with_values(tensor: torch.Tensor) -> torch.Tensor:
    """A copy; a tensor without values gets small random ones, so that routing does not degenerate."""
    if not has_no_values(tensor):
        return tensor.detach().clone()
    return _random(InputSpec.of(tensor), scale=0.02)


def _random(spec: InputSpec, device: Any = None, scale: float = 1.0) -> torch.Tensor:
    dtype = getattr(torch, spec.dtype)
    if dtype.is_floating_point or dtype.is_complex:
        return (torch.randn(spec.shape, device=device) * scale).to(dtype)
    if dtype is torch.bool:
        return torch.ones(spec.shape, dtype=dtype, device=device)
    return torch.randint(0, max(spec.high, 1), spec.shape, device=device).to(dtype)


def _real_input(leaf: Leaf, module: nn.Module) -> torch.Tensor:
    first = next(module.parameters(), None)
    if isinstance(leaf, torch.Tensor) and not has_no_values(leaf):
        return leaf.detach().clone().requires_grad_(leaf.requires_grad)
    spec = leaf if isinstance(leaf, InputSpec) else InputSpec.of(leaf)
    return _random(spec, None if first is None else first.device)


META = Backend("meta", _meta_module, _meta_input, run_on_meta)
FAKE = Backend("fake", fake_module, _fake_input, run_on_fake)
REAL = Backend("real", _real_module, _real_input, run_plainly)
BACKENDS = (META, FAKE, REAL)
