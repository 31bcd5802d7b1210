"""Which layers and blocks a report shows: the heaviest first, blocks at a readable depth."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from analyzer.values.counts import Layer, Total

MAX_BLOCKS = 30
MAX_DEPTH = 8
DIGITS = "0123456789"


@dataclass(frozen=True, slots=True)
class Block:
    """All layers below one path, or a run of equal blocks side by side; `macs` is None where a layer has no count."""

    first: str
    last: str
    kind: str
    params: int
    macs: int | None
    repeats: int = 1
    is_whole: bool = True
    """False when this is what a container alone owns, its children being blocks of their own."""


def owns_something(layer: Layer) -> bool:
    """Whether the layer has parameters or work of its own; work without a count is work."""
    return bool(layer.params or layer.macs != 0 or layer.other_flops != 0)


def weighs_something(layer: Layer) -> bool:
    """Whether the layer has parameters or MACs of its own, or MACs without a count."""
    return bool(layer.params or layer.macs != 0)


def total(values: Iterable[int | None]) -> int | None:
    """The sum, None when any of them is unknown."""
    known = tuple(values)
    return None if None in known else sum(value for value in known if value is not None)


def heaviest(
    layers: Sequence[Layer], weight: Callable[[Layer], int | None], most: int
) -> tuple[list[Layer], int, int | None]:
    """The layers with the most of something, ties in execution order; how many others have some, and how much.

    Layers with none or no count are left out.
    """
    ranked = sorted((layer for layer in layers if weight(layer)), key=lambda layer: -(weight(layer) or 0))
    return ranked[:most], len(ranked[most:]), total(map(weight, ranked[most:]))


def blocks(layers: Sequence[Layer], most: int = MAX_BLOCKS) -> tuple[Block, ...]:
    """The layers that weigh something as blocks in execution order, as deep as `most` rows allow.

    Paths of one name are never grouped further, so a flat model may have more than `most`.
    """
    weighty = [layer for layer in layers if weighs_something(layer)]
    kinds = {layer.path: layer.kind for layer in layers}
    deepest = min(MAX_DEPTH, max((layer.path.count(".") + 1 for layer in weighty), default=1))
    found = _blocks_at(weighty, kinds, 1)
    for depth in range(2, deepest + 1):
        deeper = _blocks_at(weighty, kinds, depth)
        if len(deeper) > most:
            break
        found = deeper
    return found


def _blocks_at(layers: Sequence[Layer], kinds: dict[str, str], depth: int) -> tuple[Block, ...]:
    groups: dict[str, list[Layer]] = {}
    for layer in layers:
        groups.setdefault(prefix(layer.path, depth), []).append(layer)
    runs: list[list[Block]] = []
    for path, members in groups.items():
        params, macs = sum(layer.params for layer in members), total(layer.macs for layer in members)
        block = Block(path, path, kinds.get(path, ""), params, macs)
        if runs and _continues(runs[-1][-1], block):
            runs[-1].append(block)
        else:
            runs.append([block])
    return tuple(_joined(run, groups) for run in runs)


def prefix(path: str, depth: int) -> str:
    """The first `depth` names of a path."""
    return ".".join(path.split(".")[:depth])


def _continues(before: Block, block: Block) -> bool:
    """Whether the block is the next of a numbered series (blocks.3, layer_3) and equal to the one before."""
    stem = block.first.rstrip(DIGITS)
    number = block.first[len(stem) :]
    if not number or before.first != f"{stem}{int(number) - 1}":
        return False
    return (before.kind, before.params, before.macs) == (block.kind, block.params, block.macs)


def _joined(run: Sequence[Block], paths: Iterable[str]) -> Block:
    below = f"{run[0].first}." if run[0].first else ""
    has_children = any(path != run[0].first and path.startswith(below) for path in paths)
    return replace(merged(run), is_whole=not has_children)


def weightiest(found: Sequence[Block], whole: Total, limit: int) -> tuple[Block, ...]:
    """The blocks with the largest share of parameters or MACs, in their own order."""

    def weight(block: Block) -> float:
        return max(block.params / (whole.params or 1), (block.macs or 0) / (whole.macs or 1))

    kept = sorted(range(len(found)), key=lambda index: -weight(found[index]))[:limit]
    return tuple(found[index] for index in sorted(kept))


def merged(several: Sequence[Block]) -> Block:
    """Blocks taken together, named by the first and the last."""
    return replace(
        several[0],
        last=several[-1].last,
        params=sum(block.params for block in several),
        macs=total(block.macs for block in several),
        repeats=len(several),
    )
