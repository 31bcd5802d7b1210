"""Which module is running: a stack kept by global forward hooks, which leave no mark on the model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import nn
from torch.nn.modules import module as hooks
from torch.nn.utils import parametrize

from analyzer.tracing.containers import shapes
from analyzer.values.graph import ModuleCalls

Shapes = tuple[tuple[int, ...], ...]


@dataclass
class Calls:
    """How often a module was called, and with what the first time."""

    count: int = 0
    inputs: Shapes = ()
    outputs: Shapes = ()


class ModuleStack:
    """The modules that are running now, outermost first, by path as in `named_modules()`."""

    def __init__(self, root: nn.Module) -> None:
        self.modules = dict(root.named_modules())
        self._paths = {id(module): path for path, module in self.modules.items()}
        self._running: list[tuple[nn.Module, str]] = []
        self.restart()

    def restart(self) -> None:
        """Forget all calls."""
        self.calls: dict[str, Calls] = {}
        self.failed: tuple[str, Shapes] | None = None
        """Path and input shapes of the innermost module that an exception left."""

    @property
    def path(self) -> str:
        """The innermost running module that the model knew before it ran; the root when none is."""
        return self._running[-1][1] if self._running else ""

    @contextmanager
    def following(self) -> Iterator[ModuleStack]:
        """Keep the stack while the block runs; the hooks are gone after it, whatever happens."""
        before = hooks.register_module_forward_pre_hook(self._enter)
        # The stubs of torch do not know `with_kwargs` of the global hook.
        after = hooks.register_module_forward_hook(self._leave, with_kwargs=True, always_call=True)
        try:
            yield self
        finally:
            before.remove()
            after.remove()
            hooks._global_forward_hooks_with_kwargs.pop(after.id, None)  # the handle forgets this one
            self._running.clear()

    def _enter(self, module: nn.Module, args: Any) -> None:
        path = self._paths.get(id(module))
        if path is not None:
            calls = self.calls.setdefault(path, Calls())
            calls.count += 1
            if calls.count == 1:
                calls.inputs = shapes(args)
        self._running.append((module, self.path if path is None else path))

    def _leave(self, module: nn.Module, args: Any, *rest: Any) -> None:
        """`rest` is (kwargs, output), and the output alone, None, when the forward raised."""
        while self._running and self._running[-1][0] is not module:
            self._running.pop()
        if not self._running:
            return
        path = self._running.pop()[1]
        inputs = shapes((args, *rest[:-1]))
        if len(rest) == 1 and self.failed is None:
            self.failed = (path, inputs)
        self._note_shapes(path, inputs, rest[-1])

    def _note_shapes(self, path: str, inputs: Shapes, output: Any) -> None:
        calls = self.calls.get(path)
        if calls is not None and calls.count == 1:
            calls.inputs, calls.outputs = inputs, shapes(output)

    def summary(self) -> tuple[ModuleCalls, ...]:
        """Every module: in order of first call, then those that were never called."""
        order = [*self.calls, *(path for path in self.modules if path not in self.calls)]
        return tuple(self._row(path) for path in order)

    def _row(self, path: str) -> ModuleCalls:
        calls = self.calls.get(path, Calls())
        module = self.modules[path]
        return ModuleCalls(path, kind_of(module), calls.count, settings_of(module), calls.inputs, calls.outputs)


def kind_of(module: nn.Module) -> str:
    """The class that the user wrote: what scripting, parametrizing or unflattening put around it is looked through."""
    if parametrize.is_parametrized(module):
        return type(module).__bases__[0].__name__
    return str(getattr(module, "original_name", None) or type(module).__name__)


def settings_of(module: nn.Module) -> str:
    """How a layer of torch's own was built, as its repr tells; empty for a class that the user wrote."""
    extra = type(module).extra_repr
    if not extra.__module__.startswith("torch.nn") or extra is nn.Module.extra_repr:
        return ""
    return f"{kind_of(module)}({module.extra_repr()})"
