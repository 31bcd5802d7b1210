"""Advice by the step of the plan that it belongs to, and each piece as one sentence."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from analyzer.formats.wording.fit_wording import harm
from analyzer.formats.wording.numbers import ITSELF, exact, plural, share
from analyzer.rules import padding_only_taps
from analyzer.values.advice import Advice, Alternative, HarmMeasurement, PlanStep, Saving, Step
from analyzer.values.counts import Total
from analyzer.values.results import Analysis

EFFORTS = {"none": "output unchanged", "finetune": "needs finetuning", "retrain": "needs retraining"}


LEADS: Mapping[Step, tuple[str, str]] = {
    "free": ("Free", "the output stays as it is"),
    "retrain": ("To be retrained", "these change what the model computes"),
    "inference": ("For inference, once training is over", "the output stays as it is"),
}
UNSEEN = "no trained weights were seen, so this rests on structure alone and takes about half of a layer at most"
RULES_SHOWN = 3


def what_to_do(analysis: Analysis) -> list[str]:
    """The plan, a sentence for each of its steps, and how many suggestions it would be slower with."""
    seen = any((advice.kept, advice.harm) != (None, None) for advice in analysis.advice)
    lines = [_step(step, analysis.total, seen) for step in analysis.plan]
    slow = [advice for advice in analysis.advice if advice.is_slower]
    if slow:
        lines.append(f"Left out as estimated to be slower on {slow[0].device}: {plural(len(slow), 'suggestion')}")
    return lines


def _step(step: PlanStep, total: Total, weights_seen: bool) -> str:
    lead, effect = LEADS[step.step]
    if any(change.rule == padding_only_taps.CODE for change in step.changes):
        effect = f"{effect} at this input size"
    kept = [f"each layer keeps {100 * step.least_kept:.0f} % of its weight energy or more"] if step.least_kept else []
    kept += [UNSEEN] if step.step == "retrain" and not (kept or weights_seen) else []
    return f"{lead}: {_changes(step)}: {'; '.join((savings(step.saved, total), effect, *kept))}"


def _changes(step: PlanStep) -> str:
    """ "SEP101 depthwise-separable in 12 layers, GRP101 grouped-convolution at conv2"."""
    rules: dict[tuple[str, str], list[str]] = {}
    for change in step.changes:
        rules.setdefault((change.rule, change.name), []).append(change.path)
    parts = [f"{code} {name} {_at(paths)}" for (code, name), paths in rules.items()]
    more = [f"{len(parts) - RULES_SHOWN} more rules"] if len(parts) > RULES_SHOWN + 1 else []
    return ", ".join(parts[: RULES_SHOWN if more else None] + more)


def _at(paths: Sequence[str]) -> str:
    return f"in {len(paths)} layers" if len(paths) > 1 else f"at {paths[0] or ITSELF}"


def restructurings(analysis: Analysis) -> tuple[Advice, ...]:
    """Proposals that change what the model computes."""
    return tuple(advice for advice in analysis.advice if advice.proposed is not None and advice.effort != "none")


def of_step(analysis: Analysis, step: Step | None) -> tuple[Advice, ...]:
    """The advice of one step of the plan; the facts for None."""
    return tuple(advice for advice in analysis.advice if advice.step == step)


def alike(found: Sequence[Advice]) -> list[tuple[Advice, ...]]:
    """Layers of which the same is said and that save the same, together; each group where its first one stands."""
    groups: dict[object, list[Advice]] = {}
    for advice in found:
        groups.setdefault(_said(advice), []).append(advice)
    return [tuple(group) for group in groups.values()]


def _said(advice: Advice) -> object:
    """All that is said of a layer but where it is: layers beside it and in it by their names from there."""
    places = (advice.path, advice.path.rpartition(".")[0])
    current, proposed = advice.current, advice.proposed or ""
    for place in filter(None, places):
        current, proposed = (text.replace(f"{place}.", "").replace(f"{place} = ", "") for text in (current, proposed))
    others = tuple((other.label, other.saved, other.harm) for other in advice.alternatives)
    bare = replace(advice, path="", file=None, line=None, replacements=(), alternatives=(), not_beside=())
    return replace(bare, current=current, proposed=proposed), others


def harm_measurement(found: HarmMeasurement) -> str:
    """What the harm of suggestions is, and on what it was measured."""
    samples = plural(found.samples, "calibration input")
    return (
        f"Harm is the {found.measure} between the model's output and that with this change alone, weights carried over "
        f"and not trained, on {samples} ({found.source}); suggestions are ranked by saving for harm, and those that "
        "another one for the same layer beats come last."
    )


def bound(advice: Advice) -> str:
    """ "memory-bound on a100-fp16", or that it is estimated to be slower there; empty where no device was asked for."""
    said = f"{advice.bound}-bound" if advice.bound else ""
    return " ".join(filter(None, (said, advice.device and f"on {advice.device}", slower(advice) or faster(advice))))


def slower(advice: Advice) -> str:
    """That the estimate calls it slower on the device; empty where it does not."""
    return f"(estimated slower: ×{advice.time_ratio:.2g})" if advice.is_slower else ""


def faster(advice: Advice) -> str:
    """The estimate where nothing but time is saved; empty elsewhere."""
    saves_work = advice.saved is None or advice.saved.macs != 0 or advice.saved.params > 0
    return "" if saves_work or not advice.is_faster else f"(estimated time: ×{advice.time_ratio:.2g})"


def alternative(other: Alternative) -> str:
    """ "4 groups: nn.Conv2d(...) saves 1,024 parameters and 65,536 MACs", with its notes."""
    code = "; ".join(
        item.code if len(other.replacements) == 1 else f"{item.path} = {item.code}" for item in other.replacements
    )
    saves = f"saves {exact(other.saved.params)} parameters and {exact(other.saved.macs)} MACs"
    known = () if other.harm is None else (f"harm {harm(other.harm)}",)
    return "; ".join((f"{other.label}: {code} {saves}", *known, *other.notes))


def place(advice: Advice) -> str:
    """The layer's path, or that it is the model itself."""
    return advice.path or ITSELF


def sentence(advice: Advice, total: Total) -> str:
    """What is there, what could be, what that saves and what it takes, as plain text."""
    if advice.proposed is None:
        return f"{place(advice)}: {'; '.join((advice.current, *advice.notes))}"
    known = "" if advice.harm is None else f"harm {harm(advice.harm)} without training"
    terms = [_effort(advice), known, bound(advice), advice.evidence]
    gain = savings(advice.saved, total) if advice.saved else ""
    said = "; ".join(filter(None, (gain, *terms)))
    return f"{place(advice)}: {advice.current} could be {advice.proposed}: {said}"


def _effort(advice: Advice) -> str:
    """What it takes; of an exact change also how that is known, where it was not run with the model's weights."""
    known = ", by structure" if advice.effort == "none" and advice.evidence is None else ""
    return f"{EFFORTS.get(advice.effort, advice.effort)}{known}"


def savings(saved: Saving, total: Total) -> str:
    """ "1,048,576 fewer parameters (4.1 %), 51,380,224 fewer MACs (1.2 %)"; what does not change is left out."""
    parts = (_saved(saved.params, total.params, "parameters"), _saved(saved.macs, total.macs, "MACs"))
    return ", ".join(filter(None, parts)) or "nothing saved"


def _saved(value: int, whole: int | None, noun: str) -> str:
    if not value:
        return ""
    part = f" ({share(abs(value), whole)})" if whole else ""
    return f"{exact(abs(value))} {'fewer' if value > 0 else 'more'} {noun}{part}"
