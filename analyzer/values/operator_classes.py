"""Classes of operators by name: views, joins, normalizations, padding, and what keeps positions or channels apart."""

from __future__ import annotations

from analyzer.values.graph import Op


def aten(names: str) -> frozenset[str]:
    """Operators of torch's own namespace, from their names with blanks between."""
    return frozenset(f"aten.{name}" for name in names.split())


BATCH_NORMS = aten(
    "_native_batch_norm_legit_no_training native_batch_norm _native_batch_norm_legit batch_norm cudnn_batch_norm "
    "miopen_batch_norm _batch_norm_with_update _batch_norm_no_update _native_batch_norm_legit_functional"
)
NORMS = BATCH_NORMS | aten("native_group_norm group_norm native_layer_norm layer_norm")
POINTWISE_BESIDE_TAG = aten(
    "clone copy copy_ _to_copy alias detach contiguous dropout native_dropout alpha_dropout feature_dropout "
    "bernoulli_ hardtanh hardtanh_ hardswish hardswish_ prelu _prelu_kernel rrelu rrelu_with_noise leaky_relu_ "
    "elu_ silu_ relu6 lift_fresh to where lerp lift_fresh_copy rrelu_with_noise_ threshold_"
)
"""Elementwise operators that torch does not tag so."""
PADS = aten(
    "constant_pad_nd reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d replication_pad2d "
    "replication_pad3d"
)
CHANNELWISE = NORMS | PADS | aten("mean")
JOINS = aten("cat concat")
CUTS = aten("split split_with_sizes chunk unbind slice select unsafe_split unsafe_split_with_sizes unsafe_chunk")
VIEWS = aten("view _unsafe_view reshape squeeze unsqueeze flatten unflatten _reshape_alias squeeze_ unsqueeze_")
TURNS = aten("permute transpose")
FILLS = aten(
    "zeros_like ones_like full_like empty_like rand_like randn_like randint_like new_zeros new_ones new_full new_empty "
    "new_empty_strided"
)
"""Read nothing of a tensor but its shape."""
PRODUCTS = aten("addmm mm linear bmm baddbmm matmul mv")

SHUFFLES = aten("channel_shuffle native_channel_shuffle")
UNMOVED = (
    VIEWS
    | CUTS
    | TURNS
    | aten(
        "t view_as expand alias detach as_strided as_strided_ reshape_as ravel swapaxes swapdims movedim moveaxis "
        "narrow tensor_split hsplit vsplit dsplit unfold"
    )
)
"""Views, and what is one wherever the memory allows, such as `reshape`."""


def is_view(op: Op) -> bool:
    """Whether its results are parts or other shapes of its operand."""
    return "view" in op.tags or op.packet in UNMOVED


def moves_nothing(op: Op) -> bool:
    """Whether it reads and writes no element: a view, or memory without contents."""
    return is_view(op) or op.packet in ("aten.empty", "aten.empty_like")


def is_convolution(op: Op) -> bool:
    """Whether it is a convolution as torch takes all of them apart to."""
    return op.packet == "aten.convolution"


def is_pointwise(op: Op) -> bool:
    """Whether each output element depends on one element of each operand, broadcast."""
    return "pointwise" in op.tags or op.packet in POINTWISE_BESIDE_TAG


def is_pool(op: Op) -> bool:
    """Whether it pools over space, channel by channel."""
    return "_pool" in op.packet


def pooled_dimensions(op: Op) -> int:
    """How many of the last dimensions a pool works on: two for "aten.max_pool2d"."""
    return int(op.packet.partition("_pool")[2][0])


def is_resampling(op: Op) -> bool:
    """Whether it resizes over space, channel by channel."""
    return "upsample_" in op.packet


def keeps_channels(op: Op) -> bool:
    """Whether it keeps channels apart: elementwise work, normalization, pooling, resizing, padding."""
    return is_pointwise(op) or is_pool(op) or is_resampling(op) or op.packet in CHANNELWISE
