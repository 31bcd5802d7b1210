"""calflops and DeepSpeed's profiler: functions of torch put in place of its own, each added for the module that runs.

Both print MACs of products beside FLOPs; the MACs are told here. Their functions take just the arguments below: a call
that gives others ends the counting with an error. Recurrent layers have FLOPs there, and no MACs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from math import prod
from typing import Any

from torch import nn

from analyzer.reconciliation.contributions import ATTENTION, CONVOLUTION, PRODUCTS, Contribution, Unpredictable
from analyzer.reconciliation.module_trees import refuse_fused_attention, refuse_scripts
from analyzer.tracing.calls import ForwardCalls, FunctionCall, Shaped

Given = Mapping[str, Any]
Rule = Callable[[Given], tuple[str, int]]
AXES, PLACES = (1, 2, 3), ("torch", "Tensor")
POOLS = [f"F.{kind}_pool{n}d" for kind in ("avg", "max", "adaptive_avg", "adaptive_max") for n in AXES]
ARGUMENTS: Mapping[str, str] = {
    "F.linear": "input weight | bias |",
    **{f"F.conv{n}d": "input weight | bias stride padding dilation groups |" for n in AXES},
    **{f"F.conv_transpose{n}d": "input weight | bias stride padding output_padding groups dilation |" for n in AXES},
    **dict.fromkeys(("F.relu", "F.relu6", "F.silu"), "input | inplace |"),
    "F.prelu": "input weight | |",
    "F.elu": "input | alpha inplace |",
    "F.leaky_relu": "input | negative_slope inplace |",
    "F.gelu": "input | | ...",
    "F.batch_norm": "input running_mean running_var | weight bias training momentum eps |",
    "F.instance_norm": "input | running_mean running_var weight bias use_input_stats momentum eps |",
    "F.layer_norm": "input normalized_shape | weight bias eps |",
    "F.group_norm": "input num_groups | weight bias eps |",
    **dict.fromkeys(
        POOLS,
        "input kernel_size | stride padding dilation ceil_mode count_include_pad divisor_override return_indices |",
    ),
    "F.softmax": "input | dim _stacklevel dtype |",
    "F.embedding": "input weight | padding_idx max_norm norm_type scale_grad_by_freq sparse |",
    **{f"{place}.{name}": "input other | | out" for place in PLACES for name in ("matmul", "mm", "bmm", "mul")},
    "Tensor.__matmul__": "input other | | out",
    **{f"{place}.add": "input other | | alpha out" for place in PLACES},
    "torch.addmm": "input mat1 mat2 | | beta alpha out",
    **dict.fromkeys(("Tensor.addmm", "torch.baddbmm"), "self mat1 mat2 | | beta alpha out"),
    "F.scaled_dot_product_attention": "q k v | attn_mask dropout_p is_causal | ...",
}
"""Arguments that are needed, that may be left out, and that go by name alone, "..." for any."""


def added(calls: ForwardCalls, rules: Mapping[str, Rule | None], times: Counter[int] | None) -> list[Contribution]:
    """What the rules of the called functions add, as often as the module that runs is added up itself; else once.

    A function without a rule is replaced, and has no MACs.
    """
    refuse_scripts(calls.root)
    refuse_fused_attention(calls.root)
    for call in calls.modules:
        if isinstance(call.module, nn.RNNBase) and not (call.args and isinstance(call.args[0], Shaped)):
            raise Unpredictable("it fails on a recurrent layer that is not given a tensor by position")
    return list(_added(calls, rules, times))


def _added(calls: ForwardCalls, rules: Mapping[str, Rule | None], times: Counter[int] | None) -> Iterator[Contribution]:
    modules = dict(calls.root.named_modules())
    for call in (call for call in calls.functions if call.name in rules):
        given, rule = _given(call), rules[call.name]
        if rule is not None:
            family, macs = rule(given)
            number = times[id(modules.get(call.path))] if times is not None else 1
            yield Contribution(family, call.path, macs * number)


def _given(call: FunctionCall) -> Given:
    """The arguments by the names that a counter's function gives them; Unpredictable where it refuses them."""
    if call.name not in ARGUMENTS:
        _refuse_odd_shapes(call)
        return {**dict(zip(("input", "size", "scale_factor"), call.args, strict=False)), **call.kwargs}
    needed, optional, by_name = (names.split() for names in ARGUMENTS[call.name].split("|"))
    by_position = dict(zip([*needed, *optional], call.args, strict=False))
    given = {**by_position, **call.kwargs}
    unknown = [name for name in call.kwargs if name not in (*needed, *optional, *by_name)]
    too_many = len(call.args) > len(needed) + len(optional)
    if too_many or set(needed) - given.keys() or (unknown and "..." not in by_name):
        raise Unpredictable(f"it fails on {call.name} with the arguments that this model gives it")
    return given


def _refuse_odd_shapes(call: FunctionCall) -> None:
    """It reads the input of an interpolation by position, and takes an einsum's tensors one by one."""
    if not call.args or (call.name == "torch.einsum" and not all(isinstance(x, Shaped) for x in call.args[1:])):
        raise Unpredictable(f"it fails on {call.name} with the arguments that this model gives it")


def convolution(given: Given) -> tuple[str, int]:
    """N · positions · ∏kernel · Cin · Cout/g, with padding "same" rounded down on both sides."""
    data, weight, groups = given["input"].shape, given["weight"].shape, given.get("groups", 1)
    if weight[1] * groups != data[1]:
        raise Unpredictable("it fails on a convolution whose second axis is not the channels")
    axes, kernel = len(data) - 2, weight[2:]
    strides, rates = _each(given.get("stride", 1), axes), _each(given.get("dilation", 1), axes)
    padding = given.get("padding", 0)
    pads = _each(0 if padding == "valid" else padding, axes)
    if padding == "same":
        pads = tuple(rate * (taps - 1) // 2 for rate, taps in zip(rates, kernel, strict=True))
    sizes = zip(data[2:], pads, rates, kernel, strides, strict=True)
    positions = prod((size + 2 * pad - (rate * (taps - 1) + 1)) // step + 1 for size, pad, rate, taps, step in sizes)
    return CONVOLUTION, data[0] * positions * prod(kernel) * data[1] * (weight[0] // groups)


def transposed(is_divided_twice: bool) -> Rule:
    """N · ∏in · ∏kernel · Cin · Cout/g; divided by the groups once more where `is_divided_twice`."""

    def rule(given: Given) -> tuple[str, int]:
        data, weight = given["input"].shape, given["weight"].shape
        filters = weight[1] // given.get("groups", 1) if is_divided_twice else weight[1]
        return CONVOLUTION, prod(data) * prod(weight[2:]) * filters

    return rule


def matmul(given: Given) -> tuple[str, int]:
    """∏left · N, also where operands are broadcast."""
    return PRODUCTS, given["input"].numel() * given["other"].shape[-1]


def attention(given: Given) -> tuple[str, int]:
    """∏query · Lk + ∏(query without its width) · Lk · Ev."""
    query, keys, value = given["q"].shape, given["k"].shape[-2], given["v"].shape
    return ATTENTION, prod(query) * keys + prod(query[:-1]) * keys * value[-1]


def _linear(given: Given) -> tuple[str, int]:
    return PRODUCTS, given["input"].numel() * given["weight"].shape[0]


def _addmm(given: Given) -> tuple[str, int]:
    return PRODUCTS, given["mat1"].numel() * given["mat2"].shape[-1]


def _each(value: Any, axes: int) -> tuple[int, ...]:
    return value if isinstance(value, tuple) else (value,) * axes


WITHOUT_MACS = (
    *("F.relu", "F.relu6", "F.silu", "F.prelu", "F.elu", "F.leaky_relu", "F.gelu", "F.softmax", "F.embedding"),
    *("F.batch_norm", "F.instance_norm", "F.layer_norm", "F.group_norm", *POOLS, "F.upsample", "F.interpolate"),
    *("torch.mul", "Tensor.mul", "torch.add", "Tensor.add", "torch.einsum"),
)
RULES: Mapping[str, Rule | None] = {
    **dict.fromkeys(WITHOUT_MACS),
    "F.linear": _linear,
    **{f"F.conv{n}d": convolution for n in AXES},
    **dict.fromkeys(("torch.matmul", "Tensor.matmul"), matmul),
    **dict.fromkeys(("torch.addmm", "Tensor.addmm", "torch.baddbmm"), _addmm),
}
"""What both replace."""
