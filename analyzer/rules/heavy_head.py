"""One linear layer holds most of a convolutional model's parameters.

## What it flags
A linear layer with more than half of the parameters of a model that has convolutions.

## Why
It decides the model's size whatever is done to the convolutions, and does next to none of the work: a budget of
parameters is won or lost there, a budget of MACs elsewhere.

## Example
```python
nn.Linear(25088, 4096)                                    # VGG-16: 102,764,544 of 138,357,544 parameters
nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 1000))    # 513,000
```

## What it proposes
Nothing is replaced. Global average pooling before a single classifier is the usual cure; a low rank the milder one.

## What it costs
Retraining of the head.

## When it stays silent
Models without convolutions, and heads with half of the parameters or less.

## Sources
Lin, Chen and Yan 2014 (global average pooling); Simonyan and Zisserman 2015 (VGG).
"""

from collections.abc import Iterator

from analyzer.rules.rule import Finding
from analyzer.values.facts import LinearFacts, ModelFacts
from analyzer.values.notes import Note, note

CODE = "HED201"
LEVEL = "note"
EFFORT = "none"
MIN_SHARE_OF_PARAMS = 0.5
"""More than all other layers together."""


def observe(model: ModelFacts) -> Iterator[Finding]:
    """One finding at most."""
    for linear in model.linears:
        if model.convolutions and linear.share_of_params > MIN_SHARE_OF_PARAMS:
            yield Finding(linear.path, _most(linear, model), notes=_notes(model))


def _most(linear: LinearFacts, model: ModelFacts) -> Note:
    return note(
        "heavy-linear",
        features=(linear.in_features, linear.out_features),
        params=linear.params,
        of=model.params,
        share_of_params=linear.share_of_params,
        share_of_macs=linear.share_of_macs,
    )


def _notes(model: ModelFacts) -> tuple[Note, ...]:
    if len(model.linears) < 2:
        return ()
    params = sum(linear.share_of_params for linear in model.linears)
    macs = sum(linear.share_of_macs for linear in model.linears)
    return (note("all-linear", share_of_params=params, share_of_macs=macs),)
