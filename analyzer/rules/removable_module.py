"""Remove modules that the forward never calls, or whose results nothing uses.

## What it flags
A module, with all that is in it, that this forward does not call, or that runs without an output depending on it.

## Why
Its parameters are stored, loaded and moved, and its work is done, for nothing: auxiliary heads that only training uses,
layers left behind by a change, a branch whose result is dropped.

## Example
```python
class Net(nn.Module):
    def __init__(self):
        self.body, self.aux = nn.Linear(8, 8), nn.Linear(8, 8)

    def forward(self, x):
        return (self.body(x), self.aux(x)) if self.training else self.body(x)    # in eval mode aux can go
```

## What it proposes
An identity in its place, so that what assigns or asks for the attribute goes on doing so. Of GoogLeNet's parameters the
two auxiliary heads are 49 %.

## What it costs
Nothing for this input and in this mode. A model that is to be trained with the module, or given inputs that take
another branch, needs it.

## When it stays silent
Modules that hold neither parameters nor work, or parameters that a module outside holds too; containers; modules that
the forward reads something of.

## Sources
Tracing: what was not called, and what no output depends on; Szegedy et al. 2015 (GoogLeNet, section 5: the auxiliary
networks are discarded at inference).
"""

from collections.abc import Iterator

from analyzer.values.convolution import Identity, Proposal
from analyzer.values.facts import ModelFacts
from analyzer.values.notes import note

CODE = "RUN301"
LEVEL = "warning"
EFFORT = "none"
INFERENCE_ONLY = True


def propose_all(model: ModelFacts) -> Iterator[tuple[str, Proposal]]:
    """An identity for each such module: all its parameters and work."""
    for module in model.removable:
        why = note("result-unused" if module.is_called else "not-called")
        yield module.path, Proposal(((module.path, (Identity(),)),), notes=(why,))
