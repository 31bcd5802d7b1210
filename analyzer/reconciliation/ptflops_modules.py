"""ptflops' "pytorch" engine: hooks on classes of layers, and functions of torch put in place of its own.

Its conventions, read in ptflops 0.7: a layer's exact class decides; what layers add up is divided by the batch, what
functions do is not; a layer that calls a replaced function counts twice. `@`, SDPA, `F.linear` and convolutions without
a layer are missed. timm's attention is known, the layers in it are not added then.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from math import prod
from typing import Any

from torch import nn

from analyzer.reconciliation.contributions import (
    ACTIVATIONS,
    ATTENTION,
    BIAS,
    CONVOLUTION,
    ELEMENTWISE,
    NORMALIZATION,
    POOLING,
    PRODUCTS,
    RECURRENT,
    SOFTMAX,
    UPSAMPLING,
    Contribution,
    Unpredictable,
)
from analyzer.reconciliation.module_trees import (
    by_type,
    qualified,
    refuse_fused_attention,
    refuse_scripts,
    refuse_unnamed,
    walked,
)
from analyzer.tracing.calls import ForwardCalls, ModuleCall, Shaped

Parts = Iterator[tuple[str, float]]
DEFORMABLE = "torchvision.ops.deform_conv.DeformConv2d"
TIMM_ATTENTION = {"timm.layers.attention.Attention", "timm.models.vision_transformer.Attention"}
BESIDE_PRODUCTS = {"RNN": 1, "GRU": 7, "LSTM": 10}
"""FLOPs for each hidden unit, by what the class begins with."""


def printed_by_ptflops(calls: ForwardCalls) -> tuple[int, list[Contribution]]:
    """The MACs that it prints for a tensor by position, or else for arguments by name; and what it adds up."""
    refuse_scripts(calls.root)
    refuse_fused_attention(calls.root)
    refuse_unnamed(calls.root, calls.args, calls.kwargs)
    of_modules, of_functions = list(_of_modules(calls)), list(_of_functions(calls))
    is_one_tensor = len(calls.args) == 1 and not calls.kwargs and isinstance(calls.args[0], Shaped)
    batch = calls.args[0].shape[0] if is_one_tensor else 1
    average = sum(part.macs for part in of_modules) / batch
    return int(average + sum(part.macs for part in of_functions)), of_modules + of_functions


def _of_modules(calls: ForwardCalls) -> Iterator[Contribution]:
    by_module: dict[int, list[ModuleCall]] = defaultdict(list)
    for call in calls.modules:
        by_module[id(call.module)].append(call)
    for module in walked(calls.root, lambda item: _rule(item) is not None):
        for call in by_module[id(module)]:
            parts = (_rule(module) or _nothing)(call)
            yield from (Contribution(family, call.path, macs) for family, macs in parts)


def _of_functions(calls: ForwardCalls) -> Iterator[Contribution]:
    for call in calls.functions:
        rule = FUNCTIONS.get(call.name)
        parts = rule(*call.args, **call.kwargs) if rule else ()
        yield from (Contribution(family, call.path, macs) for family, macs in parts)


def _rule(module: nn.Module) -> Callable[[ModuleCall], Parts] | None:
    name = qualified(module)
    if name == DEFORMABLE:
        return _deformable
    return _timm_attention if name in TIMM_ATTENTION else MODULES.get(type(module))


def _nothing(_: ModuleCall) -> Parts:
    yield from ()


def _elements(family: str, of_output: bool = False) -> Callable[[ModuleCall], Parts]:
    def rule(call: ModuleCall) -> Parts:
        yield family, (call.output if of_output else call.args[0]).numel()

    return rule


def _norm(call: ModuleCall) -> Parts:
    yield NORMALIZATION, call.args[0].numel() * (2 if getattr(call.module, "affine", False) else 1)


def _linear(call: ModuleCall) -> Parts:
    (data, *_), out = call.args, call.output.shape[-1]
    rows = prod(data.shape[:-1])
    yield PRODUCTS, data.shape[-1] * out * rows
    yield BIAS, out * rows if call.module.bias is not None else 0


def _convolution(call: ModuleCall, transposed: bool = False, more_per_tap: int = 0) -> Parts:
    """N · positions · ∏kernel · Cin · Cout/g, the first axis taken for the batch."""
    conv: Any = call.module
    data, out = call.args[0].shape, call.output.shape
    positions = data[0] * prod(data[2:] if transposed else out[2:])
    yield CONVOLUTION, positions * prod(conv.kernel_size) * conv.in_channels * (conv.out_channels // conv.groups)
    yield ELEMENTWISE, positions * prod(conv.kernel_size) * more_per_tap
    yield BIAS, data[0] * prod(out[1:]) if conv.bias is not None else 0


def _deformable(call: ModuleCall) -> Parts:
    """24 more at a tap to interpolate, one for a mask."""
    has_mask = len(call.args) == 3 and call.args[2] is not None
    yield from _convolution(call, more_per_tap=24 + has_mask)


def _recurrent(call: ModuleCall) -> Parts:
    """Rows × steps × the weights' shapes; with two directions twice the first one's."""
    rnn: Any = call.module
    steps = prod(call.args[0].shape[:2])
    for layer in range(rnn.num_layers):
        yield from _gates(rnn, f"_l{layer}", steps * (2 if rnn.bidirectional else 1))


def _cell(call: ModuleCall) -> Parts:
    yield from _gates(call.module, "", call.args[0].shape[0])


def _gates(rnn: Any, suffix: str, times: int) -> Parts:
    weights = [getattr(rnn, f"weight_{of}{suffix}") for of in ("ih", "hh")]
    yield RECURRENT, times * sum(weight.shape[0] * weight.shape[1] for weight in weights)
    beside = next(each for name, each in BESIDE_PRODUCTS.items() if type(rnn).__name__.startswith(name))
    yield ELEMENTWISE, times * beside * rnn.hidden_size
    if rnn.bias:
        yield BIAS, times * sum(getattr(rnn, f"bias_{of}{suffix}").shape[0] for of in ("ih", "hh"))


def _multi_head_attention(call: ModuleCall) -> Parts:
    if len(call.args) != 3:
        raise Unpredictable("it fails on an attention layer that is not called with three arguments by position")
    layer: Any = call.module
    batch = call.args[0].shape[0 if layer.batch_first else 1]
    (query, width), (keys, of_key), (values, of_value) = (
        (tensor.shape[1 if layer.batch_first else 0], tensor.shape[2]) for tensor in call.args
    )
    heads = layer.num_heads
    products = query * width**2 + keys * of_key**2 + values * of_value**2 + query * of_value**2
    yield PRODUCTS, batch * products
    yield ATTENTION, batch * heads * query * keys * (width // heads + of_value // heads)
    yield SOFTMAX, batch * heads * query * keys
    yield ELEMENTWISE, batch * query * width
    of_projections = (query + keys + values) * width if layer.in_proj_bias is not None else 0
    yield BIAS, batch * (of_projections + query * of_value)


def _timm_attention(call: ModuleCall) -> Parts:
    layer: Any = call.module
    batch, tokens, _ = call.args[0].shape
    heads = batch * layer.num_heads
    yield ATTENTION, 2 * heads * tokens**2 * layer.head_dim
    yield SOFTMAX, heads * tokens**2
    yield ELEMENTWISE, heads * tokens * layer.head_dim


def _upsample(call: ModuleCall) -> Parts:
    """It takes the first image of the output for the output."""
    yield UPSAMPLING, prod(call.output.shape[1:])


MODULES: Mapping[type, Callable[[ModuleCall], Parts]] = by_type(
    {
        "Conv1d Conv2d Conv3d": _convolution,
        "ConvTranspose1d ConvTranspose2d ConvTranspose3d": partial(_convolution, transposed=True),
        "ReLU PReLU ELU LeakyReLU ReLU6 GELU": _elements(ACTIVATIONS, of_output=True),
        "MaxPool1d AvgPool1d AvgPool2d MaxPool2d MaxPool3d AvgPool3d": _elements(POOLING),
        "AdaptiveMaxPool1d AdaptiveMaxPool2d AdaptiveMaxPool3d": _elements(POOLING),
        "AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d": _elements(POOLING),
        "BatchNorm1d BatchNorm2d BatchNorm3d InstanceNorm1d InstanceNorm2d InstanceNorm3d": _norm,
        "GroupNorm LayerNorm": _norm,
        "Linear": _linear,
        "Upsample": _upsample,
        "RNN GRU LSTM": _recurrent,
        "RNNCell GRUCell LSTMCell": _cell,
        "MultiheadAttention": _multi_head_attention,
    }
)


def _of_input(family: str) -> Callable[..., Parts]:
    def rule(input: Any, *_: Any, **__: Any) -> Parts:
        yield family, input.numel()

    return rule


def _interpolated(input: Any = None, size: Any = None, scale_factor: Any = None, *_: Any, **__: Any) -> Parts:
    if size is not None:
        spatial = prod(map(int, size)) if isinstance(size, list | tuple) else int(size) ** (len(input.shape) - 2)
        yield UPSAMPLING, spatial * prod(input.shape[:2])
    elif isinstance(scale_factor, tuple) and len(scale_factor) == len(input.shape) - 2:
        yield UPSAMPLING, input.numel() * prod(map(int, scale_factor))  # each rounded down
    elif isinstance(scale_factor, int | float):
        yield UPSAMPLING, input.numel() * scale_factor ** (len(input.shape) - 2)
    else:
        raise Unpredictable("it fails on an interpolation with a list of scale factors")


def _matmul(input: Any, other: Any, *_: Any, **__: Any) -> Parts:
    yield PRODUCTS, input.numel() * other.shape[-1]


def _addmm(input: Any, mat1: Any, mat2: Any, *, beta: float = 1, **_: Any) -> Parts:
    yield PRODUCTS, mat1.numel() * mat2.shape[-1]
    yield BIAS, input.numel() if beta != 0 else 0


def _elementwise(input: Any, other: Any, *_: Any, **__: Any) -> Parts:
    """Sizes broadcast from the first axis, where torch does from the last."""
    given = [item.shape for item in (input, other) if isinstance(item, Shaped)]
    rank = max((len(shape) for shape in given), default=0)
    yield ELEMENTWISE, prod(max(shape[axis] if axis < len(shape) else 1 for shape in given) for axis in range(rank))


FUNCTIONS: Mapping[str, Callable[..., Parts]] = {
    **{f"F.{name}": _of_input(ACTIVATIONS) for name in ("relu", "prelu", "elu", "relu6", "gelu", "silu")},
    **{f"F.{kind}_pool{n}d": _of_input(POOLING) for kind in ("avg", "max") for n in (1, 2, 3)},
    **{f"F.adaptive_{kind}_pool{n}d": _of_input(POOLING) for kind in ("avg", "max") for n in (1, 2, 3)},
    "F.softmax": _of_input(SOFTMAX),
    **dict.fromkeys(("F.upsample", "F.interpolate"), _interpolated),
    **{f"{place}.{name}": _matmul for place in ("torch", "Tensor") for name in ("matmul", "mm", "bmm")},
    **dict.fromkeys(("torch.addmm", "torch.baddbmm", "Tensor.addmm"), _addmm),
    **{f"{place}.{name}": _elementwise for place in ("torch", "Tensor") for name in ("mul", "add")},
}
