"""Inputs that a model might take, most common first, from the layers it begins with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from inspect import Parameter
from itertools import islice
from math import isqrt
from typing import TYPE_CHECKING, Any

from analyzer.loading.inputs.example_inputs import assumed, computed_in, floating_dtype, required
from analyzer.loading.inputs.small_images import small_images
from analyzer.loading.loaded_model import Inputs, InputSpec

if TYPE_CHECKING:
    from torch import nn

IMAGE_SIZES = (
    *(224, 32, 28, 64, 256, 299, 128, 96, 384, 512, 227, 84, 48, 40, 36, 16, 20, 100, 112, 150, 160, 180),
    *(192, 200, 240, 300, 320, 416, 448, 640, 8, 1024),
)
SIGNAL_LENGTHS = (1024, 16000, 128, 256, 512, 64, 100, 784, 2048, 4096, 8000, 32, 187, 1000, 3000, 8192, 16384, 48000)
VOLUMES = ((16, 112, 112), (16, 224, 224), (32, 32, 32), (64, 64, 64), (8, 32, 32), (16, 64, 64), (128, 128, 128))
LATENT_SIZES = (1, 4, 7, 8, 16, 32, 28, 14, 64, 2)
TOKENS = (128, 64, 32, 16, 256, 512, 8, 1, 1024)
CHOICES = 120
"""Most candidates that are worth a trial."""

ENTRIES = 4
"""Layers that are worth considering as the first to run."""

Specs = list[InputSpec]
Entry = tuple[str, Specs]
"""What the specs were made from, and the specs."""


def guesses(module: nn.Module) -> tuple[Inputs, ...]:
    """Candidates for a model without declared inputs, each with the sentence that says it was assumed."""
    parameters = required(module)
    if not parameters:
        return (Inputs(),)
    floating = floating_dtype(module)
    layers = [*islice(_likeliest_first(module), ENTRIES), ("the commonest shapes", _common())]
    # Integers stay below the smallest vocabulary, since it is not known which layer will look them up.
    lowest = min((spec.high for _, specs in layers for spec in specs if spec.high > 2), default=2)
    entries = [
        (reason, [replace(computed_in(spec, floating), high=min(spec.high, lowest)) for spec in specs])
        for reason, specs in layers
    ]
    names = [parameter.name for parameter in parameters]
    assumptions = (assumed(_options(specs, entries, names), reason, names) for reason, specs in entries)
    return tuple(islice((item for found in assumptions for item in _keyworded(found, parameters)), CHOICES))


def taken_by_layers(module: nn.Module) -> Iterator[InputSpec]:
    """What the first layers take, as far as they say it."""
    for _, specs in islice(_entries(module), ENTRIES):
        yield from specs


def _likeliest_first(module: nn.Module) -> Iterator[Entry]:
    """The entries; images begin with the size that the first convolution and the number of classes speak for."""
    likely = small_images(module)
    for reason, specs in _entries(module):
        sized = [spec for spec in specs if likely and spec.shape[1:] == likely.shape]
        also = f" and {likely.reason}" if likely and sized else ""
        yield reason + also, [*sized, *(spec for spec in specs if spec not in sized)]


def _options(specs: Specs, entries: Sequence[Entry], names: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """Argument lists: the first layer's shape alone, with what the names suggest, repeated, or one a layer."""
    if len(names) == 1:
        yield from ((spec,) for spec in specs)
        return
    for spec in specs[:6]:
        suggested = (_suggested(name, spec) for name in names[1:])
        yield from ((spec, *others) for others in zip(*suggested, strict=False))
        yield (spec,) * len(names)
    columns = [entries[min(index, len(entries) - 1)][1] for index in range(len(names))]
    yield from zip(*columns, strict=False)


def _suggested(name: str, first: InputSpec) -> Specs:
    batch = first.shape[:1]
    if "mask" in name:
        return [InputSpec(first.shape[:2], "bool"), InputSpec(first.shape[:2], "int64"), InputSpec(first.shape)]
    if name in ("t", "ts", "time", "step", "noise", "sigma") or "timestep" in name:
        return [InputSpec(batch, "int64", 100), InputSpec(batch), InputSpec((*batch, 1))]
    if name in ("y", "label", "labels", "classes", "class_labels"):
        return [InputSpec(batch, "int64"), InputSpec(first.shape, first.dtype, first.high), InputSpec((*batch, 10))]
    return []


def _keyworded(candidates: tuple[Inputs, ...], parameters: Sequence[Parameter]) -> tuple[Inputs, ...]:
    """Arguments of keyword-only parameters passed by name."""
    positional = sum(parameter.kind is not Parameter.KEYWORD_ONLY for parameter in parameters)
    names = [parameter.name for parameter in parameters][positional:]
    if not names:
        return candidates
    return tuple(
        Inputs(item.args[:positional], dict(zip(names, item.args[positional:], strict=True)), item.assumption)
        for item in candidates
    )


def _entries(module: nn.Module) -> Iterator[Entry]:
    """The first layers in order of registration with the inputs that they take; each sort of input once."""
    seen: set[tuple[Any, ...]] = set()
    for path, layer in module.named_modules():
        specs = _specs_of(layer)
        if not specs:
            continue
        key = (len(specs[0].shape), specs[0].dtype)
        if key not in seen or specs[0].dtype == "int64":
            kind = getattr(layer, "original_name", type(layer).__name__)
            yield f"{'a' if seen else 'the first'} layer, {kind} `{path}`", specs
            seen.add(key)
    yield from _from_parameters(module) if not seen else ()


def _from_parameters(module: nn.Module) -> Iterator[Entry]:
    """The first weight as a convolution's or a linear layer's would be; one of a scripted layer says which it is."""
    owners = dict(module.named_modules())
    for name, parameter in module.named_parameters():
        shape, owner = tuple(parameter.shape), owners.get(name.rpartition(".")[0])
        reason = f"the shape of parameter `{name}`"
        if getattr(owner, "original_name", "").startswith("Embedding"):
            yield reason, _tokens(shape[0])
        elif len(shape) == 2:
            yield reason, _features(shape[1]) + _features(shape[0])
        elif len(shape) in WEIGHT_TAKES:
            yield reason, WEIGHT_TAKES[len(shape)](shape[1])
        else:
            continue
        return


def _specs_of(layer: nn.Module) -> Specs:
    """What a layer takes, commonest first; nothing for one that takes anything or does not say."""
    from torch import nn

    makers: tuple[tuple[Any, Callable[[Any], Specs]], ...] = (
        (nn.Conv1d, lambda it: _signals(it.in_channels or 1)),
        (nn.Conv2d, lambda it: _images(it.in_channels or 3)),
        (nn.Conv3d, lambda it: _volumes(it.in_channels or 3)),
        (nn.ConvTranspose1d, lambda it: _spatial(it.in_channels, 1)),
        (nn.ConvTranspose2d, lambda it: _spatial(it.in_channels, 2)),
        (nn.ConvTranspose3d, lambda it: _spatial(it.in_channels, 3)),
        ((nn.Embedding, nn.EmbeddingBag), lambda it: _tokens(it.num_embeddings)),
        (nn.Linear, lambda it: _features(it.in_features or 128)),
        (nn.Bilinear, lambda it: _features(it.in1_features)),
        (nn.RNNBase, lambda it: _sequences(it.input_size, it.batch_first)),
        (nn.RNNCellBase, lambda it: _features(it.input_size)),
        (nn.MultiheadAttention, lambda it: _sequences(it.embed_dim, it.batch_first)),
        ((nn.BatchNorm1d, nn.InstanceNorm1d), lambda it: _features(it.num_features) + _signals(it.num_features)),
        ((nn.BatchNorm2d, nn.InstanceNorm2d), lambda it: _images(it.num_features)),
        ((nn.BatchNorm3d, nn.InstanceNorm3d), lambda it: _volumes(it.num_features)),
        (nn.GroupNorm, lambda it: _images(it.num_channels)),
        (nn.LayerNorm, lambda it: [InputSpec((1, n, *it.normalized_shape)) for n in (128, 64, 3)]),
    )
    made = (make(layer) for kind, make in makers if isinstance(layer, kind))
    return next(made, None) or _said_by(layer)


def _said_by(layer: nn.Module) -> Specs:
    """The same for a scripted layer or one of the user's own that names its sizes as torch's layers do."""
    names = ("in_channels", "num_embeddings", "in_features")
    channels, vocabulary, features = (getattr(layer, name, None) for name in names)
    take = WEIGHT_TAKES.get(getattr(getattr(layer, "weight", None), "ndim", 0))
    if isinstance(channels, int) and take is not None:
        return take(channels)
    if isinstance(vocabulary, int):
        return _tokens(vocabulary)
    return _features(features) if isinstance(features, int) else []


def _images(channels: int) -> Specs:
    return [InputSpec((1, channels, size, size)) for size in IMAGE_SIZES]


def _signals(channels: int) -> Specs:
    return [InputSpec((1, channels, length)) for length in SIGNAL_LENGTHS]


def _volumes(channels: int) -> Specs:
    return [InputSpec((1, channels, *volume)) for volume in VOLUMES]


WEIGHT_TAKES = {3: _signals, 4: _images, 5: _volumes}
"""What a convolution takes, by the dimensions of its weight."""


def _spatial(channels: int, rank: int) -> Specs:
    return [InputSpec((1, channels, *(size,) * rank)) for size in LATENT_SIZES] + [InputSpec((1, channels))]


def _tokens(vocabulary: int) -> Specs:
    shapes = [(1, length) for length in TOKENS] + [(128,), (1,)]
    return [InputSpec(shape, "int64", vocabulary) for shape in shapes]


def _sequences(features: int, batch_first: bool) -> Specs:
    shapes = [(1, length, features) if batch_first else (length, 1, features) for length in (128, 32, 16, 10, 1)]
    return [InputSpec(shape) for shape in [*shapes, (1, 1, 28, 28)]]


def _features(features: int) -> Specs:
    """A vector, a sequence of them, or images that flatten (or are cut into square patches) to as many values."""
    shapes: list[tuple[int, ...]] = [(1, features), (1, 128, features), (1, 16, features), (features,)]
    for channels, values in ((1, features), (3, features / 3), (3, features)):
        side = isqrt(int(values))
        if side > 1 and side * side == values:
            shapes += [(1, channels, size, size) for size in (224, side, 256, 32)]
    return [InputSpec(shape) for shape in shapes]


def _common() -> Specs:
    shapes = ((1, 3, 224, 224), (1, 3, 32, 32), (1, 1, 28, 28), (1, 128), (1, 128, 64), (1, 3, 1024), (128,), (1,))
    return [InputSpec(shape) for shape in shapes] + [InputSpec((1, 128), "int64")]
