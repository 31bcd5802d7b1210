"""Results of operators on tensors without values: a call with arguments of the same form is not carried out again."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Protocol

import torch
from torch import nn

from analyzer.tracing.kept_module import KeptModule
from analyzer.tracing.ownership import Built
from analyzer.values.graph import Tensor

PLAIN = frozenset({torch.Tensor, nn.Parameter, nn.Buffer})
SCALARS = frozenset({bool, int, float, complex, str, torch.dtype, torch.device, torch.layout, torch.memory_format})
UNREPEATABLE = frozenset(
    {torch.Tag.nondeterministic_seeded, torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape}
)


Settings = dict[int, tuple[nn.Module, Sequence[int], Hashable]]
"""By identity of a module: the module, the identities of its attributes, and what they say; None for what is not plain.
"""


@dataclass(frozen=True, slots=True)
class Given:
    """Stands for a tensor that a call was given, or made itself: its place among the different ones, in order."""

    place: int


@dataclass(frozen=True, slots=True)
class Result:
    """A tensor that an operator returns, as a graph describes it but for its numbers."""

    described: Tensor
    form: tuple[tuple[int, ...], torch.dtype] | None
    """Strides and dtype; None for one that is let go when the call returns, of which nothing but its memory counts."""
    shares: int | None = None
    """The place of the tensor in whose memory it lies; None for memory of its own."""
    is_read: bool = True
    """Whether the call returns it, or reads it or its memory later."""


@dataclass(frozen=True)
class RepeatedOperator:
    """One operator that a call runs, with `Given` for tensors among its arguments."""

    name: str
    arguments: Mapping[str, Any]
    tags: frozenset[str]
    results: tuple[Result | Given, ...]
    """`Given` for a tensor that was there before: the operator writes into it."""
    written: tuple[int, ...] = ()
    """Places of the tensors that it writes into."""

    @cached_property
    def reads(self) -> tuple[int, ...]:
        """Places of the tensors among the arguments, in order."""
        return tuple(_places(tuple(self.arguments.values())))

    @cached_property
    def direct(self) -> tuple[tuple[str, int], ...]:
        """The arguments that are tensors, each with its place."""
        return tuple((name, value.place) for name, value in self.arguments.items() if isinstance(value, Given))

    @cached_property
    def listed(self) -> tuple[tuple[str, Any], ...]:
        """The arguments that are lists with tensors in them."""
        named = ((name, value) for name, value in self.arguments.items() if isinstance(value, tuple))
        return tuple((name, value) for name, value in named if list(_places(value)))


def _places(value: Any) -> Iterator[int]:
    if isinstance(value, Given):
        yield value.place
    elif isinstance(value, tuple):
        for item in value:
            yield from _places(item)


@dataclass(frozen=True, slots=True)
class Repeatable:
    """A call that returns no view of what it was given; all that it makes is held until it ends."""

    steps: tuple[RepeatedOperator, ...]
    returned: int | tuple[int, ...]
    """Which tensors the call returned, by place among what it was given and made: one, or several in a tuple."""
    given: tuple[Tensor | None, ...]
    """How the graph describes what the call was given, but for its numbers; None for what no operator reads."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call of an operator: what tells it from others, and the different tensors that it is given, in order."""

    key: Hashable
    given: Sequence[torch.Tensor]


class HasRun(Protocol):
    """A call that has run, of which what it ran is told when that is asked."""

    def repeatable(self) -> Repeatable | None:
        """None for one that cannot be repeated."""


class OperatorMemo:
    """The calls of one model's traces; what is not known to be repeatable is carried out."""

    def __init__(self) -> None:
        self.settings: Settings = {}
        """What the attributes of layers say."""
        self.kept: KeptModule | None = None
        """A module of the analysis's own as the first trace found it."""
        self.built: Built = {}
        """How layers were built."""
        self._known: dict[Hashable, Repeatable | HasRun | None] = {}

    def get(self, call: Call) -> Repeatable | None:
        """What the call is known to run; None where it has to be carried out."""
        found = self._known.get(call.key)
        if found is None or isinstance(found, Repeatable):
            return found
        repeatable = self._known[call.key] = found.repeatable()
        return repeatable

    def has_met(self, call: Call) -> bool:
        """Whether it is known if the call can be repeated."""
        return call.key in self._known

    def put(self, call: Call, found: Repeatable | HasRun | None) -> None:
        """Remember what a call ran; None for one that cannot be repeated."""
        self._known[call.key] = found


class Unknown(Exception):
    """An argument of a kind that results may depend on in other ways than by its form."""


def call_of(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Call | None:
    """The call by the form of its arguments; None for one that is always carried out.

    That is one that writes, draws random numbers, returns a view, records gradients or meets tensors with values.
    """
    if not _is_functional(func) or torch.is_grad_enabled() or torch._C._is_any_autocast_enabled():
        return None
    given: list[torch.Tensor] = []
    try:
        forms = tuple([form_of(value, given) for value in args])
        named = tuple([(name, form_of(value, given)) for name, value in kwargs.items()]) if kwargs else ()
    except Unknown:
        return None
    return Call((func, forms, named, switches()), given) if given else None


def form_of(value: Any, given: list[torch.Tensor]) -> Hashable:
    kind = type(value)
    if kind in PLAIN:
        return tensor_form(value, given)
    if value is None:
        return None
    if kind in SCALARS:
        return kind, value
    if kind is list or kind is tuple:
        return kind, tuple([form_of(item, given) for item in value])
    raise Unknown


def tensor_form(tensor: torch.Tensor, given: list[torch.Tensor]) -> Hashable:
    for place, other in enumerate(given):
        if other is tensor:
            return place
    if not tensor.is_meta or not is_dense(tensor):
        raise Unknown
    given.append(tensor)
    return tensor.shape, tensor.stride(), tensor.dtype


def is_dense(tensor: torch.Tensor) -> bool:
    """Whether the tensor's metadata is its shape, strides and dtype alone."""
    return tensor.layout is torch.strided and not (tensor.is_quantized or tensor.is_conj() or tensor.is_neg())


@cache
def _is_functional(func: Any) -> bool:
    writes = any(argument.alias_info is not None for argument in func._schema.arguments)
    return func.namespace == "aten" and not (writes or func.is_view or UNREPEATABLE & set(func.tags))


def switches() -> Hashable:
    """What operators without values may depend on beside their arguments."""
    return torch.get_default_dtype(), torch.are_deterministic_algorithms_enabled()
