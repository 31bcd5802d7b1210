"""The tables of the markdown report."""

from collections import Counter
from collections.abc import Sequence

from analyzer.formats.markdown.markdown_text import Row, code, named, paragraphs, placed, prose, table
from analyzer.formats.wording import second_opinions as wording
from analyzer.formats.wording import shown_layers
from analyzer.formats.wording.numbers import count, exact, located, plural, ratio, shape, shapes, share, size
from analyzer.formats.wording.shown_layers import DIGITS, Block
from analyzer.values.counts import Layer, StoredTensor, Total
from analyzer.values.results import Analysis, ComparisonRow

TOP = 10
MAX_NEVER_RUN = 20


def totals(analysis: Analysis) -> str:
    """Every total, readable and exact."""
    total, frozen = analysis.total, analysis.total.params - analysis.total.trainable_params
    rows = [
        ("Parameters", count(total.params), exact(total.params)),
        *([("of these frozen", count(frozen), exact(frozen))] if frozen else []),
        *([("Elements of buffers", count(total.buffers), exact(total.buffers))] if total.buffers else []),
        ("Bytes of parameters", size(total.param_bytes), exact(total.param_bytes)),
        ("MACs", count(total.macs), exact(total.macs)),
        ("FLOPs of MACs, 2 each", count(total.flops), exact(total.flops)),
        ("Other FLOPs", count(total.other_flops), exact(total.other_flops)),
        ("Elements of activations", count(total.activation_elements), exact(total.activation_elements)),
        ("Peak bytes of activations alone", size(total.peak_activation_bytes), exact(total.peak_activation_bytes)),
    ]
    known = [row for row in rows if row[1] != row[2] or row[1] != "unknown"]
    return table("total|:|exact:", known)


def second_opinions(analysis: Analysis) -> str:
    """MACs by other counters of the same forward, and why they differ."""
    ours = analysis.total.macs
    rows: list[Row] = []
    for opinion in analysis.reconciliation:
        name, printed, own, apart = wording.row(opinion, ours)
        said = prose("; ".join(wording.remarks(opinion, ours)))
        rows.append((prose(name), printed, own, apart, said))
    return paragraphs(
        table("|".join((*wording.TITLES, "why")), rows), prose(wording.told_apart(analysis.reconciliation))
    )


def heaviest(analysis: Analysis, by_macs: bool = False) -> str:
    """The layers with the most parameters or MACs, and what the others have together."""
    whole = analysis.total.macs if by_macs else analysis.total.params

    def weight(layer: Layer) -> int | None:
        return layer.macs if by_macs else layer.params

    top, others, rest = shown_layers.heaviest(analysis.layers, weight, TOP)
    never_ran = {module.path for module in analysis.never_run}
    rows: list[Row] = [
        (
            named(layer.path),
            *_weight(weight(layer), whole),
            prose(layer.kind) + (", never runs" if layer.path in never_ran else ""),
            shapes(layer.output_shapes) if by_macs else "",
            source(layer),
        )
        for layer in top
    ]
    if others:
        rows.append((plural(others, "more layer"), *_weight(rest, whole), "", "", ""))
    return table(f"layer|{'MACs' if by_macs else 'parameters'}:|share:|kind|output|source", rows)


def _weight(value: int | None, whole: int | None) -> tuple[str, str]:
    return count(value), share(value, whole)


def blocks(analysis: Analysis) -> str:
    """Parameters and MACs of the model's parts, in execution order; those too many are joined in the last row."""
    found = shown_layers.blocks(analysis.layers)
    shown = shown_layers.weightiest(found, analysis.total, shown_layers.MAX_BLOCKS)
    rows = [_block_row(_block_name(block), _block_kind(block), block, analysis.total) for block in shown]
    if hidden := [block for block in found if block not in shown]:
        rows.append(_block_row(plural(len(hidden), "more block"), "", shown_layers.merged(hidden), analysis.total))
    return table("block|kind|parameters:|share:|MACs:|share:", rows)


def _block_row(name: str, kind: str, block: Block, whole: Total) -> Row:
    weights = _weight(block.params, whole.params) if whole.params else ("", "")
    work = _weight(block.macs, whole.macs) if whole.macs else ("", "")
    return (name, kind, *weights, *work)


def _block_name(block: Block) -> str:
    if block.repeats > 1:
        return code(f"{block.first}–{block.last[len(block.last.rstrip(DIGITS)) :]}")
    if block.is_whole or not block.first:
        return named(block.first)
    return f"{code(block.first)} itself"


def _block_kind(block: Block) -> str:
    return prose(block.kind) if block.repeats == 1 else f"{block.repeats} × {prose(block.kind)}".rstrip(" ×")


def uncounted(analysis: Analysis) -> str:
    """The operators without a count, where they ran, and why they have none."""
    rows = [
        (code(item.operator), exact(item.calls), placed(item.layers) or "any", prose(item.reason))
        for item in analysis.uncounted
    ]
    return table("operator|calls:|layers|reason", rows)


def never_run(analysis: Analysis) -> str:
    """Modules whose parameters took no part in the forward, most parameters first."""
    modules = sorted(analysis.never_run, key=lambda module: -module.params)
    shown, others = modules[:MAX_NEVER_RUN], modules[MAX_NEVER_RUN:]
    whole = analysis.total.params
    rows = [(named(module.path), *_weight(module.params, whole)) for module in shown]
    if others:
        rest = sum(module.params for module in others)
        rows.append((plural(len(others), "more module"), *_weight(rest, whole)))
    return table("module|parameters:|share:", rows)


def comparison(rows: Sequence[ComparisonRow], reports: Sequence[str] = ()) -> str:
    """One model a row, each with its ratio to the first; a link to its own report where there is one."""
    if not rows:
        return ""
    names = [code(row.name) for row in rows]
    linked = [f"[{name}](<{link}>)" for name, link in zip(names, reports, strict=False)] or names
    cells = [_compared(name, row, rows[0]) for name, row in zip(linked, rows, strict=True)]
    return table("model|parameters:|ratio:|MACs:|ratio:|size:|peak activations:|ratio:|", cells)


def _compared(name: str, row: ComparisonRow, base: ComparisonRow) -> Row:
    return (
        name,
        count(row.params),
        ratio(row.params, base.params),
        count(row.macs),
        ratio(row.macs, base.macs),
        size(row.param_bytes),
        size(row.peak_activation_bytes),
        ratio(row.peak_activation_bytes, base.peak_activation_bytes),
        "complete" if row.complete else "incomplete",
    )


def layers(shown: Sequence[Layer], analysis: Analysis) -> str:
    """All of these layers in full, without the columns that say the same of every one."""
    calls = {layer.calls for layer in shown} not in ({0}, {1})
    work = analysis.total.macs is not None
    rows = [_layer_row(layer, calls, work) for layer in shown]
    return table(
        "layer|kind|source|calls:|input|output|parameters:|MACs:|other FLOPs:|receptive field:|jump:|offset:", rows
    )


def _layer_row(layer: Layer, calls: bool, work: bool) -> Row:
    return (
        named(layer.path),
        prose(layer.kind),
        source(layer),
        exact(layer.calls) if calls else "",
        shapes(layer.input_shapes),
        shapes(layer.output_shapes),
        exact(layer.params),
        exact(layer.macs) if work else "",
        exact(layer.other_flops) if work else "",
        _reach(layer),
        shape(layer.jump) if layer.jump else "",
        shape(layer.offset) if layer.offset else "",
    )


def _reach(layer: Layer) -> str:
    """The receptive field; a hull of unaligned branches is marked, and one without bounds has no number.

    After upsampling, positions of different phases read different numbers: the least and the most are shown.
    """
    if layer.receptive_field is None:
        return layer.reach
    least = f"{shape(layer.receptive_field_least)} to " if layer.receptive_field_least else ""
    mark = " unaligned" if layer.reach == "unaligned" else ""
    return least + shape(layer.receptive_field) + mark


def stored_types(analysis: Analysis) -> str:
    """How many tensors and bytes a checkpoint holds of each type, most bytes first."""
    numbers, nbytes = Counter[str](), Counter[str]()
    for tensor in analysis.tensors:
        numbers[tensor.dtype] += 1
        nbytes[tensor.dtype] += tensor.nbytes
    whole = nbytes.total()
    ordered = sorted(nbytes, key=lambda dtype: (-nbytes[dtype], dtype))
    rows = [(code(dtype), exact(numbers[dtype]), size(nbytes[dtype]), share(nbytes[dtype], whole)) for dtype in ordered]
    return table("type|tensors:|size:|share:", rows)


def tensors(stored: Sequence[StoredTensor]) -> str:
    """Every tensor of a checkpoint."""
    rows = [(code(item.name), shape(item.shape), prose(item.dtype), exact(item.nbytes)) for item in stored]
    return table("tensor|shape|type|bytes:", rows)


def source(layer: Layer) -> str:
    """Where the layer is written, empty when that is not known."""
    return "" if layer.file is None else code(located(layer.file, layer.line))
