"""What must hold for any program: the count, its rows, its receptive fields, its advice, and nothing left behind."""

import copy
from typing import Any

from fuzz.dispatch_count import macs_of
from fuzz.programs import LOCAL, Program, program
from state_audit import audited

from analyzer import analyze, rewrite
from analyzer.analysis import study
from analyzer.loading import from_module
from analyzer.values.requests import PLAIN, AnalysisOptions
from analyzer.values.results import Analysis


def check_counts(seed: int) -> Analysis:
    """Total, rows and parameters, all of them complete, with the model and the process left as they were.

    One in four is analysed with all that comes beside the count.
    """
    made = program(seed)
    options = PLAIN if seed % 4 == 0 else AnalysisOptions(advice=False, estimates=False)
    loaded = from_module(made.model, (made.x,), {})
    analysis = audited((made.model, made.x), lambda: study(loaded, options).analysis)
    assert (analysis.uncounted, analysis.absences) == ((), ())
    assert analysis.total.macs == macs_of(copy.deepcopy(made.model), made.x)
    assert sum(layer.macs or 0 for layer in analysis.layers) == analysis.total.macs
    assert sum(layer.params for layer in analysis.layers) == analysis.total.params
    assert analysis.total.params == sum(parameter.numel() for parameter in made.model.parameters())
    return analysis


def check_advice(seed: int) -> None:
    """What each proposal promises to save is what the rewritten model lacks, counted independently."""
    made = program(seed, {4: LOCAL})
    made.model.eval()
    analysis = analyze(made.model, made.x)
    for item in analysis.advice:
        if item.saved is None:
            continue
        changed = rewrite(made.model, [item])
        params = sum(parameter.numel() for parameter in changed.parameters())
        assert analysis.total.params - params == item.saved.params, item
        assert analysis.total.macs - macs_of(changed, made.x) == item.saved.macs, item


def check_fields(seed: int) -> None:
    """No gradient of an output reaches beyond the receptive field that is told for its layer."""
    made = program(seed, {4: LOCAL})
    made.model.eval()
    rows = {layer.path: layer for layer in analyze(made.model, made.x).layers}
    for place, layer in enumerate(made.model):
        row = rows.get(str(place))
        if row is None or row.receptive_field is None or row.reach not in ("exact", "unaligned"):
            continue
        assert all(extent <= size for extent, size in zip(_extent(made, place), row.receptive_field, strict=True)), (
            f"{layer}: {_extent(made, place)} beyond {row.receptive_field}"
        )


def _extent(made: Program, last: int) -> tuple[int, ...]:
    """How far apart the positions of the input are that the middle of a layer's output depends on."""
    x = made.x.clone().requires_grad_()
    value: Any = x
    for layer in made.model[: last + 1]:
        value = layer(value)
    middle = tuple(size // 2 for size in value.shape[2:])
    value[(slice(None), slice(None), *middle)].sum().backward()
    reached = x.grad.abs().sum((0, 1)).nonzero()
    return tuple(int(span) + 1 for span in (reached.max(0).values - reached.min(0).values)) if len(reached) else (0, 0)


CHECKS = {"counts": check_counts, "advice": check_advice, "fields": check_fields}
