"""One convolution in the place of several that read the same tensor, in a module whose forward torch.fx can follow.

All but the first lines is written into emitted files, so it stands on torch alone.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

from torch import Tensor, fx, nn


class MergedConvolution(nn.Module):
    """One convolution in the place of several that read the same tensor: gives what each of them gave."""

    def __init__(self, convolution: nn.Module, channels: Sequence[int], axis: int) -> None:
        super().__init__()
        self.convolution, self.channels, self.axis = convolution, tuple(channels), axis

    def forward(self, value: Tensor) -> tuple[Tensor, ...]:
        """From (batch, in, *size) to (batch, channels, *size) of each; views of one tensor."""
        given, starts = self.convolution(value), accumulate(self.channels, initial=0)
        return tuple(given.narrow(self.axis, start, size) for start, size in zip(starts, self.channels, strict=False))


class Written(fx.Proxy):
    """A value that is written to in place where the forward does so; torch.fx alone makes a new one of `x += y`."""

    def __iadd__(self, other: Any) -> Any:
        return self.tracer.create_proxy("call_function", operator.iadd, (self, other), {})

    def __isub__(self, other: Any) -> Any:
        return self.tracer.create_proxy("call_function", operator.isub, (self, other), {})

    def __imul__(self, other: Any) -> Any:
        return self.tracer.create_proxy("call_function", operator.imul, (self, other), {})

    def __itruediv__(self, other: Any) -> Any:
        return self.tracer.create_proxy("call_function", operator.itruediv, (self, other), {})


class SiblingTracer(fx.Tracer):
    """Follows the forward of a module down to some of its layers; modules that do not hold one are called whole."""

    def __init__(self, root: nn.Module, paths: Sequence[str]) -> None:
        super().__init__()
        self.known = set(root.modules())
        self.holders = {path.rsplit(".", depth)[0] for path in paths for depth in range(1, path.count(".") + 1)}

    def proxy(self, node: fx.Node) -> fx.Proxy:
        """What stands for the value of a node."""
        return Written(node, self)

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:  # noqa: ARG002 - as torch.fx calls it
        """Whether the module is called as a whole."""
        return module_qualified_name not in self.holders

    def call_module(self, m: nn.Module, forward: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """While torch.fx traces it patches every module: those of other threads run as ever."""
        return super().call_module(m, forward, args, kwargs) if m in self.known else forward(*args, **kwargs)


def calls_of(module: nn.Module, paths: Sequence[str]) -> fx.Graph:
    """The module's forward in evaluation; what torch.fx raises where it cannot follow. Values may be left in it."""
    tracer = SiblingTracer(module, paths)
    modes = {path: module.get_submodule(path).training for path in ("", *tracer.holders)}
    try:
        for path in modes:
            module.get_submodule(path).training = False
        return tracer.trace(module)
    finally:
        for path, training in modes.items():
            module.get_submodule(path).training = training


def calls_that_merge(graph: fx.Graph, paths: Sequence[str]) -> list[fx.Node]:
    """The one call of each layer, on one tensor; ValueError where they are called otherwise."""
    calls = [node for node in graph.nodes if node.op == "call_module" and node.target in paths]
    inputs = {(node.args, tuple(node.kwargs)) for node in calls}
    if sorted(node.target for node in calls) != sorted(paths) or len(inputs) != 1 or len(calls[0].args) != 1:
        raise ValueError(f"{', '.join(paths)} are not called once each on one and the same tensor")
    return calls


def merged_siblings(module: nn.Module, paths: Sequence[str], channels: Sequence[int]) -> nn.Module:
    """The module with what the layer at the first path gives divided: so many channels in the place of each layer.

    Its other layers stay the same objects. ValueError as `calls_that_merge`, and what torch.fx raises.
    """
    graph = calls_of(module, paths)
    calls = calls_that_merge(graph, paths)
    convolution: Any = module.get_submodule(paths[0])
    with graph.inserting_before(calls[0]):
        given = graph.call_module(paths[0], calls[0].args)
        parts = {path: graph.call_function(operator.getitem, (given, place)) for place, path in enumerate(paths)}
    for call in calls:
        call.replace_all_uses_with(parts[str(call.target)])
        graph.erase_node(call)
    module.set_submodule(paths[0], MergedConvolution(convolution, channels, -1 - len(convolution.kernel_size)))
    merged = fx.GraphModule(module, graph, type(module).__name__)
    merged.training = module.training
    return merged
