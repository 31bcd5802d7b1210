"""What a model keeps between steps and what its steps cost, in sentences and rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from analyzer.formats.wording.numbers import count, exact, plural, size
from analyzer.formats.wording.quantities import seconds, span
from analyzer.values.steps import State, StateTensor, StepCost, Steps, TokenParameters

BOUNDS = {"overhead": "calls themselves"}


def sentences(steps: Steps) -> Iterator[str]:
    """The state and how it grows, the parameters of a token, and what could not be followed."""
    if steps.state is None:
        yield f"No state is kept between steps, as far as was seen: {steps.reason}."
    else:
        yield from _state(steps, steps.state)
    if steps.state is not None and steps.decode is None:
        yield f"One more token could not be followed: {steps.reason}."
    if steps.token is not None and steps.token.groups:
        yield from _experts(steps.token)


def _state(steps: Steps, state: State) -> Iterator[str]:
    after = f"{plural(steps.batch, 'sequence')} of {plural(steps.tokens, 'token')}"
    kept = f"{size(state.nbytes)} ({exact(state.nbytes)} B) after {after}"
    if state.token_bytes is None:
        yield f"State kept between steps: {kept}."
    elif state.token_bytes == 0:
        yield f"State kept between steps: {kept}; one more token adds nothing."
    else:
        yield f"State kept between steps: {kept}; one more token adds {exact(state.token_bytes)} B."
    yield from _windows(state.tensors)
    if state.token_bytes is not None and steps.state_bytes(steps.tokens) is None:
        yield "At other lengths it does not grow by as much: the JSON report has every length that was traced."
    if state.memory_bytes > state.nbytes:
        memory = f"{size(state.memory_bytes)} of memory is held for them until the next step"
        yield f"Some of these tensors are parts of longer ones: {memory}."


def _windows(tensors: Sequence[StateTensor]) -> Iterator[str]:
    """How many tensors stop growing, by the length at which they do."""
    lengths = sorted({tensor.full_at for tensor in tensors if tensor.full_at is not None})
    for length in lengths:
        full = [tensor for tensor in tensors if tensor.full_at == length]
        part = f"{len(full)} of {plural(len(tensors), 'tensor')}"
        yield f"{part} are full at {plural(length, 'token')} and grow no further."


def _experts(token: TokenParameters) -> Iterator[str]:
    """How many parameters a token uses of all, and of how many experts."""
    used = exact(token.most) if token.least == token.most else f"{exact(token.least)} to {exact(token.most)}"
    reach = sorted({(group.reached, group.experts) for group in token.groups})
    experts = ", ".join(f"{reached} of {experts} experts" for reached, experts in reach)
    yield f"A token uses {used} of {exact(token.total)} parameters: it reaches {experts} of a layer."


def rows(steps: Steps) -> list[tuple[str, str, str]]:
    """What the prefill and one more token cost, side by side; empty for what could not be followed."""
    both = [_cells(cost) if cost else [""] * len(COSTS) for cost in (steps.prefill, steps.decode)]
    return [(name, *cells) for name, *cells in zip(COSTS, *both, strict=True)]


COSTS = (
    "MACs",
    "other FLOPs",
    "parameters read",
    "state before",
    "state afterwards",
    "read and written in all",
    "FLOPs by byte",
    "bound by",
    "estimated time",
)


def _cells(cost: StepCost) -> list[str]:
    return [
        count(cost.macs) if cost.complete else f"at least {count(cost.macs)}",
        count(cost.other_flops),
        size(cost.param_bytes),
        size(cost.state_bytes_before),
        size(cost.state_bytes_after),
        size(cost.nbytes),
        f"{cost.intensity:.3g}",
        BOUNDS.get(cost.bound, cost.bound),
        span(cost.seconds, seconds),
    ]


def titles(steps: Steps) -> tuple[str, str]:
    """What the two columns are; one call alone where there is no state."""
    if steps.state is None:
        return "one call", "one more token"
    each = "" if steps.batch == 1 else f" for each of {plural(steps.batch, 'sequence')}"
    return f"prefill of {plural(steps.tokens, 'token')}{each}", f"one more token{each}"


def ridge(steps: Steps) -> str:
    """From which intensity on the device's arithmetic is the bound."""
    cost = steps.prefill or steps.decode
    if cost is None:
        return ""
    return f"On {steps.device} in {steps.dtype}, arithmetic is the bound from {cost.ridge:.3g} FLOPs by byte on."
