"""What it would cost to keep the resolution, by dilation, where it is lost and restored later.

## What it flags
A layer that halves the resolution, by stride or pooling, where a later layer upsamples by the same factor.

## Why
Detail lost by a stride cannot be put back by upsampling. Dilating the layers between by the same factor keeps their
receptive field and every position.

## Example
```python
nn.Conv2d(64, 128, 3, stride=2, padding=1)       # before: half the resolution, then upsampled by 2
nn.Conv2d(128, 128, 3, padding=1)

nn.Conv2d(64, 128, 3, padding=1)                 # after: full resolution, nothing to upsample
nn.Conv2d(128, 128, 3, padding=2, dilation=2)
```

## What it proposes
Stride 1 in place of the stride, dilation and padding times the factor between, an identity in place of the upsampling.

## What it costs
This is a price, not a saving: the layers between run at a multiple of the positions, so MACs and activations grow by
the square of the factor in an image. It needs retraining.

## When it stays silent
Unless it is asked for by its code or name (`--select DIL102`): what costs several times the work is no suggestion.
Where the layers between do not give exactly the larger sizes when dilated, where one of them is called several times,
is transposed or is not plain, where the code of a block pools by itself.

## Sources
Yu, Koltun and Funkhouser 2017 (dilated residual networks); Chen et al. 2018 (DeepLab).
"""

from dataclasses import replace

from analyzer.values.convolution import Convolution, Identity, Proposal, Unit
from analyzer.values.facts import ConvolutionFacts, ModelFacts, Restoration
from analyzer.values.notes import note

CODE = "DIL102"
LEVEL = "note"
EFFORT = "retrain"
ON_REQUEST = True

Replacement = tuple[str, tuple[Unit, ...]]


def propose(layer: ConvolutionFacts, model: ModelFacts) -> Proposal | None:
    """Full resolution from the layer that lost it to the one that restores it."""
    for restoration in model.restorations:
        if _named_at(restoration, model) == layer.path:
            return _proposal(restoration, model)
    return None


def _named_at(restoration: Restoration, model: ModelFacts) -> str | None:
    """The layer that the price is stated for: what loses the resolution, or the first layer after a pooling."""
    if restoration.downsample in model.convolutions:
        return restoration.downsample
    return next(iter(restoration.between), None)


def _proposal(restoration: Restoration, model: ModelFacts) -> Proposal | None:
    if _is_block(restoration.downsample, model) and restoration.downsample not in model.convolutions:
        return None
    changed = [
        _undone(restoration.downsample, restoration.factor, model),
        *(_undone(path, restoration.factor, model) for path in _shortcuts(restoration, model)),
        *(_dilated(path, restoration.factor, model) for path in _between(restoration)),
        _undone(restoration.upsample, restoration.factor, model),
    ]
    if any(units is None for _, units in changed):
        return None
    lost, given_back = restoration.downsample, restoration.upsample
    return Proposal(
        tuple((path, units) for path, units in changed if units),
        notes=(note("price"), note("resolution-kept", factor=restoration.factor, lost=lost, given_back=given_back)),
    )


def _between(restoration: Restoration) -> tuple[str, ...]:
    ends = (restoration.downsample, restoration.upsample)
    return tuple(path for path in restoration.between if path not in ends)


def _shortcuts(restoration: Restoration, model: ModelFacts) -> tuple[str, ...]:
    """Strided layers whose outputs meet those of the layers between: they lose the same resolution beside it."""
    inside = {restoration.downsample, restoration.upsample, *restoration.between}
    met = {reader for path in inside & model.convolutions.keys() for reader in model.convolutions[path].readers}
    strided = (layer for layer in model.convolutions.values() if max(layer.convolution.stride) > 1)
    return tuple(layer.path for layer in strided if layer.path not in inside and met.intersection(layer.readers))


def _undone(path: str, factor: int, model: ModelFacts) -> tuple[str, tuple[Unit, ...] | None]:
    """Stride 1 in place of a convolution's stride, an identity in place of pooling and upsampling.

    Work that a block does itself (it has convolutions inside) is not a layer that could be replaced: an interpolation
    to a given size then has nothing left to do, but a pooling would stay, and lose the resolution all the same.
    """
    if path not in model.convolutions:
        return path, () if _is_block(path, model) else (Identity(),)
    layer = model.convolutions[path]
    full = _at_full_size(layer.convolution, factor)
    return path, (full,) if _is_changeable(layer) and full.output_size == _wanted(layer.convolution, factor) else None


def _is_block(path: str, model: ModelFacts) -> bool:
    return not path or any(other.startswith(f"{path}.") for other in model.convolutions)


def _at_full_size(conv: Convolution, factor: int) -> Convolution:
    ones = (1,) * conv.dimension
    if not conv.transposed:
        return replace(conv, stride=ones)
    # A transposed one of stride 1 keeps the size when d (k - 1) = 2 p.
    dilation = tuple(1 if k % 2 else 2 for k in conv.kernel)
    padding = tuple(d * (k - 1) // 2 for k, d in zip(conv.kernel, dilation, strict=True))
    size = tuple(size * factor for size in conv.input_size)
    return replace(conv, stride=ones, dilation=dilation, padding=padding, output_padding=(), input_size=size)


def _wanted(conv: Convolution, factor: int) -> tuple[int, ...]:
    """What a strided layer wrote, times the factor; what a transposed one wrote already is at full size."""
    return conv.output_size if conv.transposed else tuple(size * factor for size in conv.output_size)


def _dilated(path: str, factor: int, model: ModelFacts) -> tuple[str, tuple[Unit, ...] | None]:
    if path not in model.convolutions:
        return path, None
    conv = model.convolutions[path].convolution
    wide = replace(
        conv,
        padding=tuple(factor * p for p in conv.padding),
        dilation=tuple(factor * d if k > 1 else d for d, k in zip(conv.dilation, conv.kernel, strict=True)),
        input_size=tuple(factor * size for size in conv.input_size),
    )
    exact = not conv.transposed and wide.output_size == tuple(factor * size for size in conv.output_size)
    return path, (wide,) if exact and _is_changeable(model.convolutions[path]) else None


def _is_changeable(layer: ConvolutionFacts) -> bool:
    return layer.is_plain and len(layer.calls) == 1
