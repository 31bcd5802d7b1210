"""Everything that a forward of a loaded model may change beside its own tensors, given back after it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode

from analyzer.loading.loaded_model import LoadedModel
from analyzer.tracing.global_state import preserved
from analyzer.tracing.python_state import PythonState
from analyzer.tracing.written_tensors import WrittenTensors


@contextmanager
def left_as_found(loaded: LoadedModel) -> Iterator[PythonState]:
    """The model can be run within: it can import what it needs, and afterwards all is as before the block.

    That is torch's switches, random states, and what is reachable from the user's objects.
    """
    with loaded.surroundings(), preserved():
        state = PythonState(_roots(loaded))
        try:
            yield state
        finally:
            state.give_back()


@contextmanager
def layers_left_as_found(loaded: LoadedModel) -> Iterator[None]:
    """Copies of the model's layers can be run within; tensors that they write to get their values back."""
    written = WrittenTensors(())
    with left_as_found(loaded), written.given_back(), _Following(written):
        yield


class _Following(TorchDispatchMode):
    """Shows every operator to the keeper of written tensors."""

    def __init__(self, written: WrittenTensors) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.run = written.following(lambda func, args, kwargs: func(*args, **kwargs))

    def __torch_dispatch__(self, func: Any, _: Any, args: Any = (), kwargs: Any = None) -> Any:
        return self.run(func, tuple(args), dict(kwargs or {}))


def _roots(loaded: LoadedModel) -> Iterator[Any]:
    """From where a forward may reach what is not the analysis's own: the user's objects, classes and their globals."""
    if not loaded.owned:
        yield loaded.module
    yield from (type(child) for child in loaded.module.modules())
    for inputs in loaded.candidates:
        yield from (inputs.args, inputs.kwargs)
