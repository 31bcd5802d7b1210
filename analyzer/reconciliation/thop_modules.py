"""thop: hooks on exact classes of layers, without bias.

Its conventions, read in thop 0.1.1: functions, `@` and attention layers are missed; a transposed convolution is counted
by the size of its output; a module with two parents is hooked twice and added twice.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from math import prod
from typing import Any

from torch import nn

from analyzer.reconciliation.contributions import (
    ACTIVATIONS,
    CONVOLUTION,
    NORMALIZATION,
    POOLING,
    PRODUCTS,
    RECURRENT,
    SOFTMAX,
    UPSAMPLING,
    Contribution,
    Unpredictable,
)
from analyzer.reconciliation.module_trees import by_type, positional, refuse_scripts, visits, walked
from analyzer.tracing.calls import ForwardCalls, ModuleCall, Packed

Part = tuple[str, float]
CONTAINERS = (nn.Sequential, nn.ModuleList)
PER_OUTPUT = {"nearest": 1, "linear": 5, "bilinear": 11, "bicubic": 224 + 35}
"""Of upsampling; another mode counts nothing."""


def printed_by_thop(calls: ForwardCalls) -> tuple[int, list[Contribution]]:
    """The MACs that it prints, and what it adds up."""
    refuse_scripts(calls.root)
    positional(calls.root, calls.args, calls.kwargs)
    by_module: dict[int, list[ModuleCall]] = defaultdict(list)
    for call in calls.modules:
        by_module[id(call.module)].append(call)
    hooks = Counter(id(module) for module in visits(calls.root))
    parts = []
    for module in _added(calls.root):
        for call in by_module[id(module)] * hooks[id(module)]:
            family, macs = MODULES[type(module)](call)
            parts.append(Contribution(family, call.path, macs))
    return int(sum(part.macs for part in parts)), parts


def _added(root: nn.Module) -> Iterator[nn.Module]:
    """Modules with a rule; what is below one is not added, but for containers and the model itself."""
    if type(root) in MODULES:
        yield root
    for child in root.children():
        yield from walked(child, lambda item: type(item) in MODULES and not isinstance(item, CONTAINERS))


def _convolution(call: ModuleCall) -> Part:
    """∏out · Cin/g · ∏kernel, of a transposed convolution as well; the second axis is taken for the channels."""
    conv: Any = call.module
    channels = call.args[0].shape[1] // conv.groups
    return CONVOLUTION, call.output.numel() * channels * prod(conv.weight.shape[2:])


def _linear(call: ModuleCall) -> Part:
    layer: Any = call.module
    return PRODUCTS, layer.in_features * call.output.numel()


def _norm(call: ModuleCall) -> Part:
    is_affine = getattr(call.module, "affine", False) or getattr(call.module, "elementwise_affine", False)
    return NORMALIZATION, 2 * call.args[0].numel() * (2 if is_affine else 1)


def _prelu(call: ModuleCall) -> Part:
    return ACTIVATIONS, call.args[0].numel()


def _softmax(call: ModuleCall) -> Part:
    layer: Any = call.module
    if layer.dim is None:
        raise Unpredictable("it fails on a softmax without a dimension")
    features = call.args[0].shape[layer.dim]
    return SOFTMAX, call.args[0].numel() // features * (3 * features - 1)


def _average(call: ModuleCall) -> Part:
    return POOLING, call.output.numel()


def _adaptive_average(call: ModuleCall) -> Part:
    """An addition for each input position of a window, a fraction of one where sizes do not divide, and a division."""
    window = prod(size / out for size, out in zip(call.args[0].shape[2:], call.output.shape[2:], strict=True))
    return POOLING, int((window + 1) * call.output.numel())


def _upsampled(call: ModuleCall) -> Part:
    layer: Any = call.module
    return UPSAMPLING, call.output.numel() * PER_OUTPUT.get(layer.mode, 0)


def _nothing(_: ModuleCall) -> Part:
    return "", 0


def _rnn(inputs: int, hidden: int, bias: bool) -> int:
    return hidden * (inputs + hidden) + hidden * (3 if bias else 1)


def _gru(inputs: int, hidden: int, bias: bool) -> int:
    return 3 * _rnn(inputs, hidden, bias) + 4 * hidden


def _lstm(inputs: int, hidden: int, bias: bool) -> int:
    return 4 * _rnn(inputs, hidden, bias) + 4 * hidden


def _cell(cost: Callable[[int, int, bool], int]) -> Callable[[ModuleCall], Part]:
    def rule(call: ModuleCall) -> Part:
        cell: Any = call.module
        return RECURRENT, call.args[0].shape[0] * cost(cell.input_size, cell.hidden_size, cell.bias)

    return rule


def _layers(cost: Callable[[int, int, bool], int]) -> Callable[[ModuleCall], Part]:
    """Biases and the cell's own arithmetic are counted with the products."""

    def rule(call: ModuleCall) -> Part:
        rnn: Any = call.module
        directions = 2 if rnn.bidirectional else 1
        widths = [rnn.input_size, *[rnn.hidden_size * directions] * (rnn.num_layers - 1)]
        return RECURRENT, _steps(call) * directions * sum(cost(width, rnn.hidden_size, rnn.bias) for width in widths)

    return rule


def _steps(call: ModuleCall) -> int:
    """Rows × steps; of a packed sequence every row is taken for as long as the longest."""
    data = call.args[0]
    if isinstance(data, Packed):
        return max(data.batch_sizes) * len(data.batch_sizes)
    return prod(data.shape[:2])


MODULES: Mapping[type, Callable[[ModuleCall], Part]] = by_type(
    {
        "Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d": _convolution,
        "BatchNorm1d BatchNorm2d BatchNorm3d SyncBatchNorm LayerNorm": _norm,
        "InstanceNorm1d InstanceNorm2d InstanceNorm3d": _norm,
        "PReLU": _prelu,
        "Softmax": _softmax,
        "AvgPool1d AvgPool2d AvgPool3d": _average,
        "AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d": _adaptive_average,
        "Linear": _linear,
        "Upsample UpsamplingBilinear2d UpsamplingNearest2d": _upsampled,
        "RNNCell": _cell(_rnn),
        "GRUCell": _cell(_gru),
        "LSTMCell": _cell(_lstm),
        "RNN": _layers(_rnn),
        "GRU": _layers(_gru),
        "LSTM": _layers(_lstm),
        "ZeroPad2d ReLU ReLU6 LeakyReLU MaxPool1d MaxPool2d MaxPool3d AdaptiveMaxPool1d AdaptiveMaxPool2d": _nothing,
        "AdaptiveMaxPool3d Dropout Sequential PixelShuffle": _nothing,
    }
)
