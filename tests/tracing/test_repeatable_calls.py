"""A call that has run is taken apart into operators on places, or it is said that it cannot be."""

from threading import get_ident

import torch

from analyzer.tracing.operator_memo import Call, Given
from analyzer.tracing.repeatable_calls import KeptCall
from analyzer.tracing.storages import Storages
from analyzer.values.graph import Op, Tensor


def meta(*shape: int) -> torch.Tensor:
    return torch.empty(shape, device="meta")


class Recording:
    """Operators on tensors without values, written down as a recorder does."""

    def __init__(self, *given: torch.Tensor) -> None:
        self.storages = Storages({})
        self.call, self.ran = Call("call", given), []
        for tensor in given:
            self.storages.known(tensor)

    def told(self, tensor: torch.Tensor) -> Tensor:
        known = self.storages.known(tensor)
        return Tensor(tuple(tensor.shape), storage=known.storage, number=known.number)

    def run(self, name: str, given: list[torch.Tensor], made: list[torch.Tensor], thread: int = 0) -> None:
        arguments = {str(place): self.told(tensor) for place, tensor in enumerate(given)}
        self.storages.add_results(made, given)
        written = [tensor for tensor in made if any(tensor is other for other in given)]
        op = Op(name, arguments, tuple(map(self.told, made)))
        self.storages.add_op(op, made, written)
        self.ran.append((op, thread or get_ident(), tuple(self.storages.known(tensor).number for tensor in written)))

    def kept(self, outputs: object) -> KeptCall:
        return KeptCall(self.call, self.ran, outputs, self.storages, len(self.ran) - 1)


def test_operators_are_told_by_places():
    x, weight, between, y = meta(2, 3), meta(3, 3), meta(2, 3), meta(2, 3)
    recording = Recording(x, weight)
    recording.run("mm", [x, weight], [between])
    recording.run("add", [between, x], [y])
    found = recording.kept(y).repeatable()
    assert found is not None
    assert [step.arguments for step in found.steps] == [{"0": Given(0), "1": Given(1)}, {"0": Given(2), "1": Given(0)}]
    assert [step.reads for step in found.steps] == [(0, 1), (2, 0)]
    assert [step.results[0].form is None for step in found.steps] == [True, False]
    assert [step.results[0].is_read for step in found.steps] == [True, True]
    assert found.returned == 3


def test_what_nothing_reads_is_marked():
    x, unread, y = meta(2, 3), meta(7), meta(2, 3)
    recording = Recording(x)
    recording.run("empty", [], [unread])
    recording.run("relu", [x], [y])
    found = recording.kept(y).repeatable()
    assert found is not None
    assert [step.results[0].is_read for step in found.steps] == [False, True]


def test_what_is_written_into_keeps_its_place():
    x = meta(2, 3)
    recording = Recording(x)
    recording.run("relu_", [x], [x])
    found = recording.kept(x).repeatable()
    assert found is not None
    assert (found.steps[0].results, found.steps[0].written, found.returned) == ((Given(0),), (0,), 0)


def test_some_calls_cannot_be_repeated():
    x, other, y = meta(2, 3), meta(2, 3), meta(2, 3)
    unknown = Recording(x)
    unknown.run("add", [x, other], [y])
    assert unknown.kept(y).repeatable() is None

    elsewhere = Recording(x)
    elsewhere.run("relu", [x], [y], thread=get_ident() + 1)
    assert elsewhere.kept(y).repeatable() is None

    view = Recording(x)
    view.run("view", [x], [part := x[:1]])
    assert view.kept(part).repeatable() is None

    listed = Recording(x)
    listed.run("split", [x], [y])
    assert listed.kept([y]).repeatable() is None
    assert listed.kept(other).repeatable() is None
