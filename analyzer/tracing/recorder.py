"""See every ATen call of a forward pass and write it down as a graph of operators."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cache
from threading import RLock
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from analyzer.loading.loaded_model import dtype_name
from analyzer.tracing.composites import stays_whole
from analyzer.tracing.containers import in_a_row, leaves, tensors_among
from analyzer.tracing.failure import NeedsValues
from analyzer.tracing.ownership import ModuleStack
from analyzer.tracing.refusals import refuse
from analyzer.tracing.storages import Storages
from analyzer.values.counts import Uncounted
from analyzer.values.graph import Allocation, Argument, Op, OpGraph, Tensor

Run = Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]
COMPOSITE = torch._C.DispatchKey.CompositeImplicitAutograd
WRAPPERS = {"wrap", "wrap_with_set_grad_enabled", "wrap_with_autocast", "tag_activation_checkpoint", "invoke_subgraph"}
"""Higher-order operators that run one function on the tensors after it."""
ROW_BY_ROW = {
    getattr(torch.ops.aten, name) for name in ("linear", "addmm", "native_layer_norm", "layer_norm", "to_padded_tensor")
}
"""Operators whose work on a nested tensor is that on all of its rows after each other."""
TAGS = {torch.Tag.pointwise: "pointwise", torch.Tag.reduction: "reduction", torch.Tag.inplace: "inplace"}


@dataclass(frozen=True, slots=True)
class Signature:
    """What an operator's schema says, read once."""

    names: tuple[str, ...]
    defaults: Mapping[str, Any]
    written: tuple[str, ...]
    tags: frozenset[str]
    is_composite: bool


@cache
def signature(func: Any) -> Signature:
    """The signature of an operator overload."""
    arguments = func._schema.arguments
    tags = {TAGS[tag] for tag in func.tags if tag in TAGS} | ({"view"} if func.is_view else set())
    return Signature(
        names=tuple(argument.name for argument in arguments),
        defaults={argument.name: argument.default_value for argument in arguments if argument.has_default_value()},
        written=tuple(a.name for a in arguments if a.alias_info is not None and a.alias_info.is_write),
        tags=frozenset(tags),
        is_composite=func.namespace != "prim" and func.has_kernel_for_dispatch_key(COMPOSITE),
    )


class Recorder(TorchDispatchMode):
    """Records operators while it is entered; `run` carries each one out, as the backend demands.

    Below autograd (or in inference mode) composite operators arrive whole: most are taken apart here, as they would
    have been above it, but for those of `stays_whole`.
    """

    supports_higher_order_operators = True

    def __init__(self, stack: ModuleStack, weights: Mapping[int, str], run: Run, has_values: bool) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.weights = weights
        """id of a parameter or buffer to its name; the tensors must outlive the recorder."""
        self.stack = stack
        self._run = run
        self.has_values = has_values
        self.on_cpu = True
        """Whether the model is meant for the CPU, which refuses more than other devices."""
        self.is_symbolic = False
        """Whether sizes are symbols."""
        self._lock = RLock()
        self.restart()

    def restart(self) -> None:
        """Forget what was recorded."""
        self.graph = OpGraph()
        self._storages = Storages(self.weights)
        self.asks_for_gradients = False
        """Whether the forward asked what only a run above autograd tells."""
        self.doubts: dict[tuple[str, str], None] = {}
        """What a tensor without values could not answer, with the layer that asked."""
        self._gaps: dict[tuple[str, str], list[tuple[str, ...]]] = {}

    def repeating_layers(self) -> AbstractContextManager[None]:
        """While the block runs, layers whose calls are known may be repeated, where a recorder knows any."""
        return nullcontext()

    def doubt(self, what: str) -> None:
        """Note that the running layer was not told the truth, whatever its code makes of it."""
        self.doubts[what, self.stack.path] = None

    def leave_out(self, operator: str, reason: str, *layers: str) -> None:
        """Note work that is not in the graph; of any layer where none is named."""
        self._gaps.setdefault((operator, reason), []).append(layers)

    @property
    def gaps(self) -> tuple[Uncounted, ...]:
        """The work that is known to be missing from the graph."""
        return tuple(
            Uncounted(operator, len(calls), tuple(sorted({layer for layers in calls for layer in layers})), reason)
            for (operator, reason), calls in sorted(self._gaps.items())
        )

    @property
    def unknown(self) -> list[torch.Tensor]:
        """The tensors that the forward read, did not make, and that have no name, each place in memory once."""
        return list(self._storages.unknown.values())

    def has_made(self, tensor: torch.Tensor) -> bool:
        """Whether the forward computed this very tensor."""
        return self._storages.has_made(tensor)

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # else the first call imports torch._dynamo: 1.3 s and 145 MB that a trace has no use for

    def allocations_beside(self, output: Any) -> tuple[Allocation, ...]:
        """What was allocated and let go, while the caller still holds the forward's output."""
        del output
        return self._storages.allocations

    def tensors_in(self, output: Any) -> tuple[Tensor, ...]:
        """The tensors that a forward returned, as the graph knows them."""
        return tuple(self._describe(leaf) for _, leaf in leaves(output) if isinstance(leaf, torch.Tensor))

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if not isinstance(func, torch._ops.OpOverload):
            return self._higher_order(func, args, kwargs)
        if any(kind.__name__ == "NestedTensor" for kind in types):
            return NotImplemented  # it is taken apart into dense operators, which come back here
        return self._outputs(func, args, kwargs)

    def _outputs(self, func: Any, args: Any, kwargs: Any) -> Any:
        """What an operator returns, which is recorded."""
        return self._carried_out(func, args, kwargs)

    def _carried_out(self, func: Any, args: Any, kwargs: Any) -> Any:
        if not self.has_values and not self.is_symbolic:
            refuse(func, args, kwargs, self.on_cpu)
        if signature(func).is_composite and not _is_nested(args) and not stays_whole(func, args):
            with self:
                return func.decompose(*args, **kwargs)
        if func.namespace == "prim":  # asks a tensor what it is, computes nothing
            return func(*args, **kwargs)
        outputs = self._run(func, args, kwargs)
        with self._lock:
            self._record(func, args, kwargs, outputs)
        return outputs

    def _higher_order(self, func: Any, args: Any, kwargs: Any) -> Any:
        """A wrapper around a function is that function; other operators of this kind are recorded as one."""
        body = next((place for place, value in enumerate(args) if isinstance(value, Callable)), None)  # type: ignore[arg-type]
        if func.name() in WRAPPERS and body is not None:
            with self:
                return args[body](*(value for value in args[body + 1 :] if not isinstance(value, str)))
        outputs = func(*args, **kwargs)
        arguments = {str(key): value for key, value in (dict(enumerate(args)) | kwargs).items()}
        self._add(f"higher_order.{func.name()}.default", arguments, (), outputs)
        return outputs

    def _record(self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], outputs: Any) -> None:
        known = signature(func)
        arguments = {**known.defaults, **dict(zip(known.names, args, strict=False)), **kwargs}
        name = f"{func.namespace}.{func._schema.name.partition('::')[2]}.{func._overloadname}"
        if _is_nested(args) and "pointwise" not in known.tags and func.overloadpacket not in ROW_BY_ROW:
            name = f"nested.{name.partition('.')[2]}"  # its work depends on the length of each row
        self._add(name, arguments, known.written, outputs, known.tags)

    def _add(
        self,
        name: str,
        arguments: Mapping[str, Any],
        written: tuple[str, ...],
        outputs: Any,
        tags: frozenset[str] = frozenset(),
    ) -> None:
        bound = {key: self._argument(value) for key, value in arguments.items()}
        results = tensors_among(outputs)
        sources = tensors_among(tuple(arguments.values()))
        changed = tensors_among([arguments.get(name) for name in written])
        producers = self._storages.producers(sources)
        self._storages.add_results(results, sources)
        op = Op(name, bound, tuple(self._describe(result) for result in results), self.stack.path, tags)
        self._put(op, producers, results, changed)

    def _put(
        self, op: Op, producers: list[Op], results: list[torch.Tensor], changed: Sequence[torch.Tensor] = ()
    ) -> None:
        self.graph.add_node(op)
        self.graph.add_edges_from((producer, op) for producer in producers)
        self._storages.add_op(op, results, changed)

    def _argument(self, value: Any) -> Argument:
        if isinstance(value, torch.Tensor):
            return self._describe(value)
        if isinstance(value, list | tuple):
            return tuple(self._argument(item) for item in value)
        if value is None or isinstance(value, bool | int | float | complex | str):
            return value
        if isinstance(value, torch.SymInt | torch.SymFloat):
            symbolic: Any = value
            return symbolic  # type: ignore[no-any-return]
        if isinstance(value, torch.ScriptObject):
            return _packed_weight(value)
        return str(value)

    def _stored_elements(self, tensor: torch.Tensor) -> int | None:
        if tensor.layout is torch.strided or tensor.layout is torch.jagged:
            return None
        if not self.has_values:  # a fake sparse tensor says 0
            raise NeedsValues("a sparse tensor without values does not say how many elements it stores")
        values = tensor._values() if tensor.layout is torch.sparse_coo else tensor.values()
        return int(values.numel())

    def _describe(self, tensor: torch.Tensor) -> Tensor:
        known = self._storages.known(tensor)
        return Tensor(
            shape=tuple(in_a_row(tensor).shape),
            dtype=dtype_name(tensor.dtype),
            itemsize=tensor.element_size(),
            storage=known.storage,
            weight=self._storages.weight(known.storage),
            nnz=self._stored_elements(tensor),
            number=known.number,
            channels_last=_is_channels_last(tensor),
        )


def _is_channels_last(tensor: torch.Tensor) -> bool:
    if tensor.is_nested:
        return False
    if tensor.dim() != 4 or tensor.layout is not torch.strided or tensor.is_contiguous():
        return False
    return tensor.is_contiguous(memory_format=torch.channels_last)


def _is_nested(args: Any) -> bool:
    return any(tensor.is_nested for tensor in tensors_among(args))


def _packed_weight(value: torch.ScriptObject) -> Argument:
    """A quantized layer's packed parameters, as the tensor that was packed."""
    if not hasattr(value, "unpack"):
        return str(value)
    weight = value.unpack()[0]
    return Tensor(tuple(weight.shape), dtype_name(weight.dtype), weight.element_size())
