"""Which module is running: a stack kept by global forward hooks, which leave no mark on the model."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from types import GeneratorType
from typing import Any

import torch
from torch import nn
from torch.nn.modules import module as hooks
from torch.nn.utils import parametrize

from analyzer.tracing.containers import shapes
from analyzer.tracing.layer_settings import arguments_of, settings_of
from analyzer.values.counts import LayerArgument
from analyzer.values.graph import ModuleCalls

Shapes = tuple[tuple[int, ...], ...]
Built = dict[int, tuple[Mapping[str, Any], list[int], tuple[str, str, Mapping[str, LayerArgument]]]]
"""By identity of a module: what it held, the identities of that, and its class, settings and arguments."""


@dataclass
class Calls:
    """How often a module was called, and with what the first time."""

    count: int = 0
    inputs: Shapes = ()
    outputs: Shapes = ()


class Thread(threading.local):
    """What this thread runs: the analysis that it belongs to, and the modules that are running, outermost first."""

    stack: ModuleStack | None = None

    def __init__(self) -> None:
        self.running: list[tuple[nn.Module | None, str]] = []


HERE = Thread()


class ModuleStack:
    """The modules that are running now, outermost first, by path as in `named_modules()`.

    `original` is the model that `root` is a copy of: a closure of the copy's may still call that one's layers. What is
    told of how layers were built is kept in `built`, for other stacks of the same model.
    """

    def __init__(self, root: nn.Module, original: nn.Module | None = None, built: Built | None = None) -> None:
        self._root = root
        self._built: Built = {} if built is None else built
        self._original = original
        self.modules = dict(root.named_modules())
        """By path; those that the forward itself makes come last, once they are looked for."""
        self._paths = {id(module): path for path, module in self.modules.items()}
        self._foreign: dict[int, nn.Module] = {}
        self.restart()

    def restart(self) -> None:
        """Forget all calls."""
        self.calls: dict[str, Calls] = {}
        self.failed: tuple[str, Shapes] | None = None
        """Path and input shapes of the innermost module that an exception left."""
        self.strays: dict[str, None] = {}
        """Modules that were called on a thread that is not followed."""

    @property
    def path(self) -> str:
        """The innermost running module that the model knows; the root when none is, or on another thread."""
        return HERE.running[-1][1] if HERE.stack is self and HERE.running else ""

    @contextmanager
    def following(self) -> Iterator[ModuleStack]:
        """Keep the stack while the block runs; the hooks are gone after it, whatever happens."""
        before = hooks.register_module_forward_pre_hook(self._enter)
        # The stubs of torch do not know `with_kwargs` of the global hook.
        after = hooks.register_module_forward_hook(self._leave, with_kwargs=True, always_call=True)
        try:
            with self.on_this_thread(""):
                yield self
        finally:
            before.remove()
            after.remove()
            hooks._global_forward_hooks_with_kwargs.pop(after.id, None)  # the handle forgets this one

    @contextmanager
    def on_this_thread(self, path: str) -> Iterator[None]:
        """Take this thread for one that runs the model, inside the module at `path`; whatever ran before waits."""
        outer = HERE.stack, HERE.running
        HERE.stack, HERE.running = self, [(None, path)]
        try:
            yield
        finally:
            HERE.stack, HERE.running = outer

    def _enter(self, module: nn.Module, args: Any) -> None:
        if HERE.stack is not self:
            self._stray(module)
            return
        path = self._path_of(module)
        if path is not None:
            calls = self.calls.setdefault(path, Calls())
            calls.count += 1
            if calls.count == 1:
                calls.inputs = _shapes(args)
        HERE.running.append((module, self.path if path is None else path))

    def _stray(self, module: nn.Module) -> None:
        """A module of this very copy runs on a thread of which nothing is known."""
        path = self._paths.get(id(module))
        if HERE.stack is None and path is not None and self.modules[path] is module:
            self.strays[path] = None

    def _path_of(self, module: nn.Module) -> str | None:
        """The path of a module; looked up anew for one that the forward made, or reached through a closure."""
        if id(module) not in self._paths and id(module) not in self._foreign:
            self.look_again()
            for path, known in self._original.named_modules() if self._original is not None else ():
                self._paths.setdefault(id(known), path)
            self._foreign[id(module)] = module  # kept, so that no other gets its id
        return self._paths.get(id(module))

    def look_again(self) -> None:
        """Take up the modules that the forward made."""
        for path, module in self._root.named_modules():
            if id(module) not in self._paths:
                self.modules[path] = module
                self._paths[id(module)] = path

    def _leave(self, module: nn.Module, args: Any, *rest: Any) -> Any:
        """`rest` is (kwargs, output), and the output alone, None, when the forward raised.

        A generator does its work later: it is returned as one that does it in the name of the module.
        """
        if HERE.stack is not self or all(running is not module for running, _ in HERE.running):
            return None
        while HERE.running[-1][0] is not module:
            HERE.running.pop()
        path = HERE.running.pop()[1]
        calls = self.calls.get(path)
        is_first = calls is not None and calls.count == 1
        has_failed = len(rest) == 1 and self.failed is None
        inputs = _shapes((args, *rest[:-1])) if is_first or has_failed else ()
        if has_failed:
            self.failed = (path, inputs)
        if calls is not None and is_first:
            calls.inputs, calls.outputs = inputs, _shapes(rest[-1])
        return self._resumed(rest[-1], module, path) if isinstance(rest[-1], GeneratorType) else None

    def _resumed(self, generator: GeneratorType[Any, Any, Any], module: nn.Module, path: str) -> Iterator[Any]:
        """The same items, each made while the module counts as running."""
        step: Callable[[], Any] = partial(next, generator)
        while True:
            depth = len(HERE.running)
            HERE.running.append((module, path))
            try:
                item = step()
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            finally:
                del HERE.running[depth:]
            try:
                step = partial(generator.send, (yield item))
            except GeneratorExit:
                generator.close()
                raise
            except BaseException as error:
                step = partial(generator.throw, error)

    def ran(self, module: nn.Module, args: tuple[Any, ...], run: Callable[[], Any]) -> Any:
        """What `run` gives in the place of a module's forward: the hooks are called as by a module."""
        self._enter(module, args)
        output = run()
        self._leave(module, args, {}, output)
        return output

    def summary(self) -> tuple[ModuleCalls, ...]:
        """Every module: in order of first call, then those that were never called."""
        self.look_again()
        order = [*self.calls, *(path for path in self.modules if path not in self.calls)]
        return tuple(self._row(path) for path in order)

    def _row(self, path: str) -> ModuleCalls:
        calls = self.calls.get(path, Calls())
        return ModuleCalls(path, *self._told(self.modules[path], calls.count), calls.inputs, calls.outputs)

    def _told(self, module: nn.Module, calls: int) -> tuple[str, int, str, Mapping[str, LayerArgument]]:
        """Kind, calls, and how it was built: of one that was told of before and has the attributes that it had."""
        held = {**vars(module), **dict(module._parameters.items())}
        identities = [id(type(module)), *map(id, held.values())]
        kept = self._built.get(id(module))
        if kept is None or kept[1] != identities:
            kind = kind_of(module)
            kept = self._built[id(module)] = held, identities, (kind, settings_of(module, kind), arguments_of(module))
        kind, settings, arguments = kept[2]
        return kind, calls, settings, arguments


def _shapes(tree: Any) -> Shapes:
    """The shape of every tensor, asked of the tensors themselves: no mode of the forward's need see that."""
    with torch._C.DisableTorchFunction():
        return shapes(tree)


def kind_of(module: nn.Module) -> str:
    """The class that the user wrote: what scripting, parametrizing or unflattening put around it is looked through."""
    if parametrize.is_parametrized(module):
        return type(module).__bases__[0].__name__
    return str(getattr(module, "original_name", None) or type(module).__name__)
