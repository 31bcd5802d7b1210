"""Modules with parameters that this forward never calls.

## What it flags
A module with parameters of its own that the forward, with the given input, did not use.

## Why
They are stored, loaded and counted as parameters and do nothing: auxiliary heads that only training uses, layers left
behind by a change, a branch that this input does not take.

## Example
```python
class Net(nn.Module):
    def __init__(self):
        self.used, self.unused = nn.Linear(8, 8), nn.Linear(8, 8)    # unused is flagged

    def forward(self, x):
        return self.used(x)
```

## What it proposes
Nothing is replaced: whether the module is dead or waits for another input is for its author to say.

## What it costs
Nothing, when it is dead: outputs do not depend on it.

## When it stays silent
Modules without parameters, and parameters that another module uses; modules that can be removed as a whole, of which
removable-module speaks.

## Sources
Tracing: what no operator read.
"""

from collections.abc import Iterator

from analyzer.rules.rule import Finding
from analyzer.values.facts import ModelFacts
from analyzer.values.notes import note

CODE = "RUN201"
LEVEL = "warning"
EFFORT = "none"


def observe(model: ModelFacts) -> Iterator[Finding]:
    """One finding for each module."""
    for path, params in model.never_run:
        if params and not any(f"{path}.".startswith(f"{module.path}.") for module in model.removable):
            yield Finding(path, note("never-called", params=params))
