"""Derives from the graph alone the facts about a model that rules ask for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from analyzer.dataflow.channels.branch_sums import branch_sums
from analyzer.dataflow.channels.group_isolation import isolations
from analyzer.dataflow.channels.neighbours import (
    convolution_of,
    direct_convolutions,
    is_plain,
    norm_operators,
    norm_path,
    with_neighbours,
)
from analyzer.dataflow.flow import Flow
from analyzer.dataflow.receptive_field.dilation_grids import grids
from analyzer.dataflow.receptive_field.fields import Field, receptive_fields
from analyzer.dataflow.receptive_field.resolution import restorations
from analyzer.dataflow.recomputed import recomputed_layers
from analyzer.dataflow.removable import removable_modules
from analyzer.values.absences import Absences
from analyzer.values.counts import Cost
from analyzer.values.facts import ConvolutionFacts, LinearFacts, ModelFacts, Norm
from analyzer.values.graph import Op, Trace, distinct_parameters
from analyzer.values.layer_patterns import holders
from analyzer.values.operator_classes import BATCH_NORMS, PRODUCTS


def facts_of(
    trace: Trace,
    owners: Mapping[Op, str],
    costs: Mapping[Op, Cost | None],
    *,
    bounds: Mapping[str, str] = {},
    device: str = "",
    never_run: Iterable[tuple[str, int]] = (),
    fields: Mapping[str, Field] | None = None,
    fixed: frozenset[str] = frozenset(),
    kept: Mapping[str, tuple[str, ...]] = {},
    recomputing: Mapping[str, str] = {},
    absences: Absences | None = None,
) -> ModelFacts:
    """All that rules may know; `fields` are the receptive fields where they have been found already.

    `bounds` say what limits each layer on the device profile. `fixed` are layers that nothing can take the place of,
    `kept` children that a normalization runs on its result, `recomputing` the kinds of layers whose weight is computed
    and constant. Isolations, grids, restorations, sums of branches and removable modules whose search fails are left
    out and noted in `absences`. Every rule needs to know who reads and feeds a layer: a failure there is raised.
    """
    left_out = Absences() if absences is None else absences
    flow = Flow(trace)
    fixed |= read_by_others(trace)
    fields = receptive_fields(trace, flow) if fields is None else fields
    sizes = Sizes(trace, owners, costs)
    layers = direct_convolutions(flow)
    path_of = {op: path for path, ops in layers.items() for op in ops}
    convolutions = with_neighbours(_alone(flow, layers, sizes, fields, bounds, fixed), flow, layers)
    recomputed = tuple(recomputed_layers(flow, sizes.params, costs, recomputing))
    fed = {layer.norm: path for path, layer in convolutions.items()} | {layer.norm: layer.path for layer in recomputed}
    return ModelFacts(
        params=sum(sizes.params.values()),
        macs=sum(sizes.macs.values()),
        convolutions=convolutions,
        linears=tuple(_linears(trace, sizes)),
        norms=tuple(_norms(flow, sizes, fed, fixed, kept)),
        isolations=left_out.attempt("isolated groups", lambda: isolations(flow, path_of), ()),
        grids=left_out.attempt("gridding of dilations", lambda: grids(flow, path_of), ()),
        restorations=left_out.attempt("restored resolutions", lambda: restorations(flow, path_of), ()),
        branch_sums=left_out.attempt("sums of branches", lambda: branch_sums(flow, path_of), ()),
        siblings=_siblings(flow, layers),
        recomputed=recomputed,
        removable=left_out.attempt("removable modules", lambda: removable_modules(flow, owners, costs), ()),
        never_run=tuple(never_run),
        fixed=fixed | kept.keys(),
        device=device,
    )


class Sizes:
    """Parameters, multiply-accumulates and operators of each layer."""

    def __init__(self, trace: Trace, owners: Mapping[Op, str], costs: Mapping[Op, Cost | None]) -> None:
        self.params: dict[str, int] = defaultdict(int)
        self.macs: dict[str, int] = defaultdict(int)
        self.ops: dict[str, list[Op]] = defaultdict(list)
        for parameter in distinct_parameters(p for p in trace.parameters if not p.is_buffer):
            self.params[parameter.owner] += parameter.numel
        for op, owner in owners.items():
            self.ops[owner].append(op)
            self.macs[owner] += (costs[op] or Cost()).macs
        self.parents = {parent for owner in self.ops for parent in holders(owner)}
        """Layers in whose children operators ran."""
        self._totals = sum(self.params.values()) or 1, sum(self.macs.values()) or 1

    def only(self, path: str, packets: frozenset[str], beside_children: bool = False) -> bool:
        """Whether a layer, its children included unless they may run others, ran these operators and no others."""
        return (beside_children or path not in self.parents) and all(
            op.packet in packets for op in self.ops.get(path, ())
        )

    def of(self, path: str) -> tuple[int, int, float, float]:
        """Parameters (elements), multiply-accumulates, and the share that each is of the model's, from 0 to 1."""
        params, macs = self.params.get(path, 0), self.macs.get(path, 0)
        return params, macs, params / self._totals[0], macs / self._totals[1]


def _alone(
    flow: Flow,
    layers: Mapping[str, list[Op]],
    sizes: Sizes,
    fields: Mapping[str, Field],
    bounds: Mapping[str, str],
    fixed: frozenset[str],
) -> dict[str, ConvolutionFacts]:
    """What is known of each convolution layer without those around it."""
    return {
        path: ConvolutionFacts(
            path,
            tuple(map(convolution_of, ops)),
            *sizes.of(path),
            is_plain=path not in fixed and path not in sizes.parents and is_plain(path, ops, flow, sizes.ops[path]),
            receptive_field=fields[path].whole_size if path in fields else None,
            jump=fields[path].whole_jump if path in fields else None,
            bound=bounds.get(path, "compute"),
        )
        for path, ops in layers.items()
    }


def _linears(trace: Trace, sizes: Sizes) -> Iterator[LinearFacts]:
    """Layers of a kind named so that multiply by their own weight of (out, in)."""
    kinds = {module.path: module.kind for module in trace.modules}
    multiplied = {t.weight for op in trace.graph if op.packet in PRODUCTS for t in op.inputs if t.weight is not None}
    for parameter in trace.parameters:
        is_weight = parameter.name.rpartition(".")[2] == "weight" and len(parameter.shape) == 2
        if is_weight and parameter.name in multiplied and kinds.get(parameter.owner, "").endswith("Linear"):
            out_features, in_features = parameter.shape
            yield LinearFacts(parameter.owner, in_features, out_features, *sizes.of(parameter.owner))


def _norms(
    flow: Flow,
    sizes: Sizes,
    fed: Mapping[str | None, str],
    fixed: frozenset[str],
    kept: Mapping[str, tuple[str, ...]],
) -> Iterator[Norm]:
    """Batch normalizations by stored statistics, each once; one that does more is fed by none."""
    seen: set[str] = set()
    for op in norm_operators(flow):
        path = norm_path(op)
        if path in seen or op.arguments.get("training", "no_training" not in op.packet):
            continue
        seen.add(path)
        children = kept.get(path, ())
        is_foldable = path not in fixed and sizes.only(path, BATCH_NORMS | {"aten.empty"}, bool(children))
        kept_paths = tuple(f"{path}.{child}" for child in children)
        convolution = fed.get(path) if is_foldable else None
        yield Norm(path, op.inputs[0].shape[1], sizes.params.get(path, 0), convolution, kept_paths)


def _siblings(flow: Flow, layers: Mapping[str, list[Op]]) -> tuple[tuple[str, ...], ...]:
    """Layers called once whose one call reads the same value, in order of execution."""
    readers: dict[int | None, list[str]] = defaultdict(list)
    for path, ops in layers.items():
        if len(ops) == 1:
            readers[flow.argument(ops[0], "input")].append(path)
    return tuple(tuple(paths) for paths in readers.values() if len(paths) > 1)


def read_by_others(trace: Trace) -> frozenset[str]:
    """Paths of the layers whose weights or statistics an operator of another layer reads."""
    owners = {parameter.name: parameter.owner for parameter in trace.parameters}
    reads = ((owners.get(tensor.weight or "", op.layer), op.layer) for op in trace.graph for tensor in op.inputs)
    return frozenset(owner for owner, layer in reads if owner != layer)
