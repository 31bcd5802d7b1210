"""Calls of torch's own layers that ran before: what they do is known, so that their code does not run again."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn.modules import module as hooks

from analyzer.tracing.operator_memo import Call, Settings, Unknown, form_of, switches, tensor_form

BOOKKEEPING = frozenset({*vars(nn.Module()), "_compiled_call_impl"}) - {"training"}
"""Attributes of every module, of which a layer's forward reads the parameters and buffers at most."""
TORCHS = "torch.nn.modules."


def call_of_layer(module: nn.Module, given: Any, known: Settings) -> Call | None:
    """The call of a layer of torch's own with one tensor; None for one that always runs.

    Such a layer reads its attributes, its tensors and its input, and nothing else; in evaluation it draws no random
    numbers. So calls that are equal in these run equal operators. To be asked while no mode follows. What attributes
    say is kept in `known`.
    """
    if module._forward_hooks or module._forward_pre_hooks or module._backward_hooks or module._backward_pre_hooks:
        return None
    settings = _settings_of(module, known)
    if settings is None or type(given) is not torch.Tensor:
        return None
    tensors: list[torch.Tensor] = []
    try:
        form = tensor_form(given, tensors)
        held = [_held_form(tensor, tensors) for tensor in module._parameters.values()]
        held += [_held_form(tensor, tensors) for tensor in module._buffers.values()]
    except Unknown:
        return None
    return Call((settings, form, *held, switches()), tensors)


def _held_form(tensor: torch.Tensor | None, tensors: list[torch.Tensor]) -> Hashable:
    """Of one with values, a count of batches say, only that it is there: a call that reads it is not repeated."""
    if tensor is None or not tensor.is_meta:
        return tensor is None
    return tensor_form(tensor, tensors)


def _settings_of(module: nn.Module, known: Settings) -> Hashable:
    identities = [*map(id, vars(module).values())]
    identities.remove(id(vars(module)["_compiled_call_impl"]))  # which each trace makes anew
    kept = known.get(id(module))
    if kept is None or kept[1] != identities:
        kept = known[id(module)] = module, identities, _plain_settings(module)
    return kept[2]


def _plain_settings(module: nn.Module) -> Hashable:
    """Class and attributes; None for a module in training, with modules in it, or with attributes of another kind."""
    if module.training or module._modules:
        return None
    named = [(name, value) for name, value in vars(module).items() if name not in BOOKKEEPING]
    held: list[torch.Tensor] = []
    try:
        forms = [(name, form_of(value, held)) for name, value in named]
    except Unknown:
        return None
    is_constant = not held and not any(type(value) is list for _, value in named)
    return (type(module), tuple(forms), *module._parameters, None, *module._buffers) if is_constant else None


def is_torchs(module: nn.Module) -> bool:
    """Whether the module is a layer of torch's own that runs torch's own forward."""
    kind, own = type(module), vars(module)
    forward: Any = kind.forward
    return (
        kind.__module__.startswith(TORCHS)
        and getattr(forward, "__module__", "").startswith(TORCHS)
        and not ("forward" in own or own.get("_compiled_call_impl"))
    )


@contextmanager
def answered(modules: Iterable[nn.Module], answer: Callable[..., Any]) -> Iterator[None]:
    """While the block runs, calls of torch's own layers go to `answer`, the layer first: through what holds a compiled
    one's call. The modules are the analysis's own.
    """
    layers = [module for module in modules if is_torchs(module) and not module._modules]
    for module in layers:
        module.__dict__["_compiled_call_impl"] = partial(answer, module)
    try:
        yield
    finally:
        for module in layers:
            module.__dict__.pop("_compiled_call_impl", None)


def is_followed_by(modes: tuple[int, int]) -> bool:
    """Whether nothing but so many dispatch and function modes would see what a layer does, and no other hooks."""
    return (
        (torch._C._len_torch_dispatch_stack(), torch._C._len_torch_function_stack()) == modes
        and len(hooks._global_forward_hooks) == len(hooks._global_forward_pre_hooks) == 1
        and not (hooks._global_backward_hooks or hooks._global_backward_pre_hooks)
        and torch._C._functorch.peek_interpreter_stack() is None
        and torch._C._get_tracing_state() is None
        and not (torch.is_grad_enabled() or torch._C._is_any_autocast_enabled())
    )
