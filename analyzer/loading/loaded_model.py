"""What loading hands to tracing: a module, inputs to try, and where each layer was written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from analyzer.values.counts import Lines

if TYPE_CHECKING:
    from torch import Tensor, nn


@cache
def dtype_name(dtype: Any) -> str:
    """The name of a torch.dtype without its module, such as "float32"."""
    return str(dtype).removeprefix("torch.")


@dataclass(frozen=True, slots=True)
class InputSpec:
    """A tensor to be made on the device that a trace runs on: normal floats, or integers below `high`."""

    shape: tuple[int, ...]
    dtype: str = "float32"
    high: int = 2
    axes: tuple[str, ...] = ()
    """What the user calls the sizes, "" for those without a name; empty where none has one."""

    @classmethod
    def of(cls, tensor: Tensor) -> InputSpec:
        """A tensor's shape and dtype."""
        return cls(tuple(tensor.shape), dtype_name(tensor.dtype))


@dataclass(frozen=True)
class Inputs:
    """Arguments for one forward call: trees whose leaves may be tensors or `InputSpec`s."""

    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    assumption: str = ""
    """A sentence for the report when these were not given by the user."""


@dataclass(frozen=True, slots=True)
class Source:
    """A line of a file; its path is relative to the working directory, or to site-packages for an installed package."""

    file: str
    line: int
    construction: tuple[Lines, ...] = field(default=(), compare=False)
    """Statements that were running then, innermost first."""


@dataclass(frozen=True)
class LoadedModel:
    """One model, ready to be traced."""

    name: str
    target: str
    module: nn.Module
    candidates: tuple[Inputs, ...]
    """Inputs to try in this order; the first that the model accepts is used."""
    kind: str = ""
    sources: Mapping[str, Source] = field(default_factory=dict)
    """Module path to the line that made the layer; the root's is where the class or builder is written."""
    checkpoint: str | None = None
    assumptions: tuple[str, ...] = ()
    materialize: Callable[[], nn.Module] | None = None
    """Builds the module anew with real weights; None when `module` has them already."""
    weights: Callable[[], Mapping[str, Tensor]] | None = None
    """Reads the checkpoint's tensors under the module's names; None without a checkpoint."""
    surroundings: Callable[[], AbstractContextManager[None]] = nullcontext
    """To be entered while the module runs: what its file can import."""
    owned: bool = True
    """Whether tracing may alter `module`; False for a module that the user passed in."""
    wrappers: tuple[str, ...] = ()
    """Attributes that lead to `module` from what its builder gives, as `_orig_mod` does after torch.compile."""
