"""What surrounds each convolution layer: who reads it and whom it reads, and whether its channels are its own."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from analyzer.dataflow.channels.branches import branch_widths
from analyzer.dataflow.channels.channel_provenance import channels
from analyzer.dataflow.flow import Flow
from analyzer.values.convolution import Convolution
from analyzer.values.facts import ConvolutionFacts
from analyzer.values.graph import Op, Tensor
from analyzer.values.operator_classes import (
    BATCH_NORMS,
    JOINS,
    VIEWS,
    aten,
    is_convolution,
    is_pointwise,
    is_pool,
    is_resampling,
)

PASSING = JOINS | VIEWS | aten("_softmax _log_softmax mean")
"""What may stand between a model's last convolution and its end, beside elementwise work, pooling and views."""

RELUS = aten("relu relu_")


def direct_convolutions(flow: Flow) -> Mapping[str, list[Op]]:
    """The convolutions that read the parameter `PATH.weight` as it is, by that path."""
    found: dict[str, list[Op]] = defaultdict(list)
    for op in flow.trace.graph:
        value = flow.argument(op, "weight") if is_convolution(op) else None
        if value is not None and flow.producers[value] is None:
            path, _, name = (flow.tensors[value].weight or "").rpartition(".")
            if name == "weight":
                found[path].append(op)
    return found


def convolution_of(op: Op) -> Convolution:
    """The arithmetic of one call: input (N, Cin, *space), weight (Cout, Cin/g, *k), transposed (Cin, Cout/g, *k)."""
    data, weight, out = op.tensor("input"), op.tensor("weight"), op.outputs[0]
    kernel = weight.shape[2:]
    stride, padding, dilation, extra = (
        op.each(name, len(kernel), default)
        for name, default in (("stride", 1), ("padding", 0), ("dilation", 1), ("output_padding", 0))
    )
    is_transposed = bool(op.arguments["transposed"])
    return Convolution(
        in_channels=data.shape[1],
        out_channels=out.shape[1],
        kernel=kernel,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=op.integer("groups"),
        bias=isinstance(op.arguments.get("bias"), Tensor),
        input_size=data.shape[2:],
        batch=data.shape[0],
        itemsize=data.itemsize,
        dtype=data.dtype,
        transposed=is_transposed,
        output_padding=extra if is_transposed else (),
    )


def is_plain(path: str, ops: list[Op], flow: Flow, owned: list[Op]) -> bool:
    """Whether a layer does one zero-padded convolution on its own parameters a call, and nothing else."""
    module = next((module for module in flow.trace.modules if module.path == path), None)
    if module is None or module.calls != len(ops) or len(owned) != len(ops):
        return False
    first = ops[0]
    shapes = (module.input_shapes[:1], module.output_shapes)
    if shapes != ((first.tensor("input").shape,), (first.outputs[0].shape,)):
        return False
    own_bias = f"{path}.bias" if path else "bias"
    biases = [bias.weight for op in ops if isinstance(bias := op.arguments.get("bias"), Tensor)]
    return set(owned) == set(ops) and biases in ([], [own_bias] * len(ops))


def with_neighbours(
    plain: Mapping[str, ConvolutionFacts], flow: Flow, layers: Mapping[str, list[Op]]
) -> dict[str, ConvolutionFacts]:
    """The facts of each convolution layer with what surrounds it, by path.

    Channels are followed forward, ends of the model backward.
    """
    path_of = {op: path for path, ops in layers.items() for op in ops}
    followed, ends = channels(flow, path_of), _ends(flow)
    order = {path: index for index, path in enumerate(layers)}
    uses = norm_uses(flow)
    sources = {path: tuple(sorted(followed.sources[path], key=order.__getitem__)) for path in layers}
    readers: dict[str, tuple[str, ...]] = defaultdict(tuple)
    for path, found in sources.items():
        for source in found:
            readers[source] += (path,)
    return {
        path: replace(
            _with_sole_readers(plain[path], ops, flow, path_of, uses),
            is_stem=path in followed.stems,
            is_head=all(ends[flow.writes[op][0]] for op in ops),
            rectified=_rectified(ops, flow),
            readers=readers[path],
            sources=sources[path],
            branches=branch_widths(flow.reads[ops[0]][0], flow),
            is_divided=path in followed.divided,
            shares_output=path in followed.shared,
        )
        for path, ops in layers.items()
    }


def _ends(flow: Flow) -> list[bool]:
    """Of each value, whether only elementwise work, pooling and views follow."""
    ends = [True] * len(flow.tensors)
    for op in reversed(list(flow.trace.graph)):
        passes = is_pointwise(op) or is_pool(op) or is_resampling(op) or "view" in op.tags
        if (passes or op.packet in PASSING) and all(ends[value] for value in flow.writes[op]):
            continue
        for value in flow.reads[op]:
            ends[value] = False
    return ends


def _with_sole_readers(
    plain: ConvolutionFacts, ops: list[Op], flow: Flow, path_of: Mapping[Op, str], uses: Mapping[str, int]
) -> ConvolutionFacts:
    """With the layers that alone read its output; a normalization that others use as well is none of them."""
    readers = [flow.sole_reader(flow.writes[op][0]) for op in ops]
    follower, norm = _only(path_of.get(op) if op else None for op in readers), norm_after(ops, flow, uses)
    if norm is None:
        return replace(plain, follower=follower, feeds_relu=_are_relus(readers))
    after = [flow.sole_reader(flow.writes[op][0]) for op in readers if op is not None]
    norm_follower = _only(path_of.get(op) if op else None for op in after)
    return replace(plain, follower=follower, norm=norm, norm_follower=norm_follower, feeds_relu=_are_relus(after))


def _are_relus(found: Iterable[Op | None]) -> bool:
    return all(op is not None and op.packet in RELUS for op in found)


def norm_after(ops: Sequence[Op], flow: Flow, uses: Mapping[str, int]) -> str | None:
    """The batch normalization that alone reads what these operators give, and nothing else."""
    norm = _only(_batch_norm(flow.sole_reader(flow.writes[op][0])) for op in ops)
    return norm if norm is not None and uses[norm] == len(ops) else None


def norm_uses(flow: Flow) -> Mapping[str, int]:
    """How often each batch normalization runs."""
    return Counter(norm_path(op) for op in norm_operators(flow))


def _rectified(ops: list[Op], flow: Flow) -> str | None:
    """The one normalization that every call reads, with nothing but a ReLU between."""
    found = list[str | None]()
    for op in ops:
        relu = flow.producers[flow.reads[op][0]]
        read = flow.operands(relu) if relu is not None and relu.packet in RELUS else ()
        found.append(_batch_norm(flow.producers[read[0]]) if read else None)
    return _only(found)


def _only(paths: Iterable[str | None]) -> str | None:
    """The path that all of them are; None when they differ."""
    distinct = set(paths)
    return distinct.pop() if len(distinct) == 1 else None


def _batch_norm(op: Op | None) -> str | None:
    return norm_path(op) if op is not None and op.packet in BATCH_NORMS else None


def norm_path(op: Op) -> str:
    """The layer whose statistics or parameters a normalization reads; the running one where it has none."""
    given = (op.arguments.get(key) for key in ("running_mean", "weight", "bias"))
    names = (tensor.weight for tensor in given if isinstance(tensor, Tensor) and tensor.weight is not None)
    return next((name.rpartition(".")[0] for name in names), op.layer)


def norm_operators(flow: Flow) -> Iterator[Op]:
    """Every batch normalization, in execution order."""
    return (op for op in flow.trace.graph if op.packet in BATCH_NORMS)
