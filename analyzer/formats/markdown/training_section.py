"""The work of a training step beside the rule of 6·N·D."""

from analyzer.formats.markdown.markdown_text import Row, bullets, details, named, paragraphs, prose, table
from analyzer.formats.wording import training_words as wording
from analyzer.formats.wording.numbers import change, count, exact, plural
from analyzer.values.training_work import TrainingWork

PARTS = "part of the step|MACs:|exact:"
CAUSES = "why|FLOPs beyond 6·N·D:"
LAYERS = "layer|forward:|gradients of inputs:|gradients of weights:|recomputed:"
MOST = 10


def section(work: TrainingWork | None) -> str:
    """The parts of the step, the heaviest layers, and the causes of its difference to the rule."""
    if work is None:
        return ""
    least = "at least " if work.uncounted else ""
    rows = [(name, count(macs), exact(macs)) for name, macs in wording.parts(work)]
    beyond = [*wording.causes(work), ("together", change(work.flops - work.rule))]
    left_out = [f"not counted: {item.operator}, {plural(item.calls, 'call')}" for item in work.uncounted]
    return paragraphs(
        f"**{least}{count(work.flops)} FLOPs for a step** ({exact(work.flops)}), 2 a MAC.",
        table(PARTS, rows),
        f"{prose(wording.rule(work))}.",
        table(CAUSES, beyond),
        details("The layers that take most of a step", table(LAYERS, _heaviest(work))),
        bullets(f"{text[:1].upper()}{text[1:]}." for text in (*left_out, *work.assumptions)),
    )


def _heaviest(work: TrainingWork) -> list[Row]:
    rows = [(row.path, (row.forward, row.input_gradient, row.weight_gradient, row.recomputed)) for row in work.layers]
    most = sorted(rows, key=lambda row: sum(row[1]), reverse=True)[:MOST]
    return [(named(path), *map(exact, macs)) for path, macs in most]
