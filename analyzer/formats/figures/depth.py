"""Where parameters and MACs lie along a model's depth: values in execution order and the stages that divide them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby

from analyzer.formats.wording.shown_layers import MAX_DEPTH, prefix, weighs_something
from analyzer.values.results import Analysis

MANY_STAGES = 40


@dataclass(frozen=True, slots=True)
class Stage:
    """Neighbours below one path, as the half-open range of their positions."""

    path: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Profile:
    """What each layer weighs, in execution order; MACs without a count are 0 here, and `gaps` says how many."""

    paths: tuple[str, ...]
    params: tuple[int, ...]
    macs: tuple[int, ...]
    gaps: int = 0
    measure: str = "Parameters"


def profile(analysis: Analysis) -> Profile:
    """Of the layers that weigh something; of the tensors where a checkpoint has no layers."""
    layers = [layer for layer in analysis.layers if weighs_something(layer)]
    if analysis.tensors and not layers:
        names, sizes = zip(*((tensor.name, tensor.numel) for tensor in analysis.tensors), strict=True)
        return Profile(names, sizes, (0,) * len(sizes), measure="Stored elements")
    return Profile(
        paths=tuple(layer.path for layer in layers),
        params=tuple(layer.params for layer in layers),
        macs=tuple(layer.macs or 0 for layer in layers),
        gaps=sum(layer.macs is None for layer in layers),
    )


def stages(paths: Sequence[str]) -> tuple[Stage, ...]:
    """Top-level blocks; levels deeper while one of them spans more than half of the depth."""
    found = spans([prefix(path, 1) for path in paths])
    for depth in range(2, MAX_DEPTH + 1):
        deeper = spans([prefix(path, depth) for path in paths])
        is_lopsided = any(2 * (stage.end - stage.start) > found[-1].end for stage in found)
        if len(deeper) > MANY_STAGES or not is_lopsided:
            break
        found = deeper
    return found


def spans(names: Sequence[str]) -> tuple[Stage, ...]:
    """Runs of equal neighbours."""
    runs = [(name, len(list(run))) for name, run in groupby(names)]
    ends = accumulate(length for _, length in runs)
    return tuple(Stage(name, end - length, end) for (name, length), end in zip(runs, ends, strict=True))


def binned(values: Sequence[int], width: int) -> tuple[int, ...]:
    """Sums of `width` neighbours."""
    return tuple(sum(values[start : start + width]) for start in range(0, len(values), width))
