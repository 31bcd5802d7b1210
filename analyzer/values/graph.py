"""The operators of one forward pass and how data flows between them, with nothing of torch left in them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import prod

import networkx as nx

from analyzer.values.counts import Input, LayerArgument, Uncounted


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor's metadata; `storage` numbers the memory, so that views and in-place results share it."""

    shape: tuple[int, ...]
    dtype: str = "float32"
    itemsize: int = 4
    storage: int = -1
    weight: str | None = None
    """Name of the parameter or buffer that this tensor is, or is a view of."""
    nnz: int | None = None
    """Stored elements of a sparse tensor, None for a dense one."""
    number: int = field(default=-1, compare=False)
    """Numbers the tensor itself, where views of one storage differ; an in-place result keeps its number."""
    channels_last: bool = field(default=False, compare=False)
    """Whether it lies in memory with its channels innermost."""

    @property
    def numel(self) -> int:
        return prod(self.shape)

    @property
    def nbytes(self) -> int:
        return self.numel * self.itemsize

    @property
    def is_complex(self) -> bool:
        return self.dtype.startswith("complex")


Argument = Tensor | int | float | complex | bool | str | None | tuple["Argument", ...]


@dataclass(frozen=True, eq=False, slots=True)
class Op:
    """One call of an operator: `arguments` are named as in its schema, defaults filled in."""

    name: str
    """Qualified, with overload: "aten.convolution.default"."""
    arguments: Mapping[str, Argument]
    outputs: tuple[Tensor, ...]
    layer: str = ""
    """Path of the innermost module that was running, as in `named_modules()`."""
    tags: frozenset[str] = frozenset()
    """What torch says of it: "view", "pointwise", "reduction", "inplace", "allocation"."""

    @property
    def packet(self) -> str:
        """The operator without its overload: "aten.convolution"."""
        return self.name.rpartition(".")[0]

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        return tuple(tensors_of(tuple(self.arguments.values())))

    def tensor(self, name: str) -> Tensor:
        """The argument of that name; TypeError when it is not a tensor."""
        value = self.arguments[name]
        if not isinstance(value, Tensor):
            raise TypeError(f"{self.name}: {name} is {value!r}, not a tensor")
        return value

    def integer(self, name: str) -> int:
        """The argument of that name; TypeError when it is not an integer."""
        value = self.arguments[name]
        if not isinstance(value, int):
            raise TypeError(f"{self.name}: {name} is {value!r}, not an integer")
        return value

    def integers(self, name: str) -> tuple[int, ...]:
        """The argument of that name as a tuple of integers, of one number as well; empty when it was left out."""
        value = self.arguments.get(name)
        values = value if isinstance(value, tuple) else (value,)
        return tuple(item for item in values if isinstance(item, int) and not isinstance(item, bool))

    def each(self, name: str, count: int, default: int = 1) -> tuple[int, ...]:
        """An argument for each of so many axes: one number stands for all, `default` where it was left out."""
        values = self.integers(name) or (default,)
        return values if len(values) == count else values[:1] * count

    def axis(self, name: str = "dim") -> int:
        """The dimension of the first tensor that an argument names, counted from the first; 0 when it was left out."""
        given, rank = self.arguments.get(name, 0), len(self.inputs[0].shape)
        return given % rank if isinstance(given, int) and rank else 0

    def order(self) -> tuple[int, ...]:
        """Of a permutation or a transposition which dimension of the operand each one of the result is."""
        order = list(range(len(self.inputs[0].shape)))
        if "dims" in self.arguments:
            return tuple(place % len(order) for place in self.integers("dims"))
        one, two = (self.integer("dim0"), self.integer("dim1")) if "dim0" in self.arguments else (0, -1)
        if order:
            order[one], order[two] = order[two], order[one]
        return tuple(order)

    def pads(self) -> tuple[tuple[int, int], ...]:
        """Of padding the elements before and after each dimension, the last dimension first, as `F.pad` takes them."""
        widths = self.integers("pad") or self.integers("padding")
        return tuple(zip(widths[::2], widths[1::2], strict=False))

    def kept(self) -> range:
        """The positions of its dimension that a slice takes."""
        start, end, step = ((*self.integers(name), None)[0] for name in ("start", "end", "step"))
        return range(self.inputs[0].shape[self.axis()])[start:end:step]


def tensors_of(argument: Argument) -> Iterator[Tensor]:
    """Every tensor in an argument, lists flattened."""
    if isinstance(argument, Tensor):
        yield argument
    elif isinstance(argument, tuple):
        for item in argument:
            yield from tensors_of(item)


class OpGraph(nx.DiGraph):  # type: ignore[misc]
    """Ops in execution order (node order); an edge leads from the op that wrote a tensor to one that read it."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter or buffer; those with an equal `identity` are one tensor under several names."""

    name: str
    owner: str
    """Path of the module that holds it."""
    shape: tuple[int, ...]
    dtype: str
    itemsize: int
    identity: int
    trainable: bool = True
    is_buffer: bool = False

    @property
    def numel(self) -> int:
        return prod(self.shape)


def distinct_parameters(parameters: Iterable[Parameter]) -> tuple[Parameter, ...]:
    """Each tensor once: the first module that holds it has it."""
    first: dict[int, Parameter] = {}
    for parameter in parameters:
        first.setdefault(parameter.identity, parameter)
    return tuple(first.values())


@dataclass(frozen=True, slots=True)
class ModuleCalls:
    """A module and how it was called; shapes are those of the first call."""

    path: str
    kind: str
    calls: int = 0
    settings: str = ""
    """How one of torch's own layers was built: "Conv2d(3, 64, kernel_size=(7, 7), stride=(2, 2))"."""
    arguments: Mapping[str, LayerArgument] = field(default_factory=dict, hash=False)
    """The same as data: constructor arguments by name."""
    input_shapes: tuple[tuple[int, ...], ...] = ()
    output_shapes: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Allocation:
    """A piece of memory that an operator allocated, and between which operators it was held."""

    nbytes: int
    born: int
    """Index of the operator that allocated it."""
    freed: int | None = None
    """Index of the last operator that ran while it was held; None when it outlived the forward."""


@dataclass(frozen=True)
class Trace:
    """What one forward pass recorded: operators, modules in order of first call, parameters, memory."""

    graph: OpGraph
    modules: tuple[ModuleCalls, ...]
    """In order of first call; those never called come last, in the order of `named_modules()`."""
    parameters: tuple[Parameter, ...]
    inputs: tuple[Input, ...]
    mode: str
    """The backend that ran it: "meta", "fake" or "real"."""
    reason: str = ""
    """Why a lower backend than meta was needed; empty on meta."""
    allocations: tuple[Allocation, ...] = ()
    assumptions: tuple[str, ...] = ()
    candidate: int = 0
    """Index of the candidate inputs that were used."""
    outputs: tuple[Tensor, ...] = ()
    """The tensors that the forward returned, nested ones flattened."""
    gaps: tuple[Uncounted, ...] = ()
    """Work of the forward that is not in the graph, and why."""

    @property
    def ops(self) -> tuple[Op, ...]:
        return tuple(self.graph)
