"""A training step in words: its parts, the rule of 6·N·D, and why the step takes more or less."""

from collections.abc import Iterator

from analyzer.formats.wording.numbers import change, count, exact, plural, ratio
from analyzer.values.training_work import TrainingWork

PARTS = {
    "forward": "forward",
    "input_gradient": "gradients of inputs",
    "weight_gradient": "gradients of weights",
    "recomputed": "recomputed in the backward",
}
CAUSES = {
    "convolutions": "weights of convolutions are used at every position, not once a {sample}",
    "linear layers": "weights of linear layers are used more or less often than once a {sample}",
    "attention": "products of activations with each other, as in attention, need no parameter",
    "recomputation": "the backward repeats forward work (activation checkpointing)",
    "computed weights": "weights are computed from weights, or multiply constants",
    "other gradients": "gradients whose forward operator is not known",
    "inputs without gradient": "the first layers' inputs need no gradient",
    "frozen weights": "frozen weights need no gradient",
    "weights without gradient": "weights whose gradient is not asked for",
    "lookups": "embeddings are looked up, not multiplied",
    "added or scaled": "biases, norms and other parameters are added or scaled, not multiplied",
    "never used": "parameters that this step never uses",
}


def parts(work: TrainingWork) -> Iterator[tuple[str, int]]:
    """Each part of the step that takes any, with its MACs."""
    total = work.total
    amounts = ((name, getattr(total, column)) for column, name in PARTS.items())
    return ((name, macs) for name, macs in amounts if macs)


def rule(work: TrainingWork) -> str:
    """ "6·N·D says 12 FLOPs (N = 1 parameter, D = 2 tokens), 0.50× of that"."""
    one = f"N = {exact(work.params)} parameters, D = {plural(work.samples, work.samples_are[:-1])}"
    return f"6·N·D says {count(work.rule)} FLOPs ({one}); the step takes {ratio(work.flops, work.rule)} of that"


def causes(work: TrainingWork) -> Iterator[tuple[str, str]]:
    """Why, largest first, with the FLOPs beyond the rule."""
    sample = work.samples_are[:-1]
    ordered = sorted(work.causes, key=lambda cause: -abs(cause.flops))
    return ((CAUSES[cause.name].format(sample=sample), change(cause.flops)) for cause in ordered)


def summary(work: TrainingWork) -> str:
    """One line for the terminal."""
    divided = ", ".join(f"{name} {count(macs)}" for name, macs in parts(work))
    least = "at least " if work.uncounted else ""
    return f"training step: {least}{count(work.flops)} FLOPs ({divided} MACs); {rule(work)}"
