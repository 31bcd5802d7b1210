"""What a convolution of torch's takes on the CPU beside its input and output, while it runs.

Read off torch 2.14 on a processor with 256-bit vectors: oneDNN copies input and weights into blocks of eight channels,
computes into a blocked output, lets go of the copies, and copies the output back. What torch does not hand to oneDNN
(`use_mkldnn` in its Convolution.cpp) is a matrix product over unfolded columns, for 1×1 kernels over the input itself.
"""

from __future__ import annotations

from math import prod

from analyzer.values.convolution import IMAGE_CHANNELS
from analyzer.values.graph import Op, Tensor
from analyzer.values.operator_classes import is_convolution

BLOCK = 8
"""Channels of a block."""
SMALL = 20480
"""Elements of an input that is not worth the copies."""
MANY = 16
"""Images in a batch from which oneDNN takes 1×1 kernels too."""


def workspace_bytes(op: Op, threads: int = 1) -> int:
    """Bytes beside inputs and outputs that are held at the operator's worst moment; 0 for all but convolutions.

    oneDNN: max(in' + weight + out', out' + out) - out, where ' is the blocked form; columns otherwise: Cin · ∏k · ∏out.
    """
    if not is_convolution(op) or op.outputs[0].dtype != "float32":
        return 0
    read, weight, written = op.tensor("input"), op.tensor("weight"), op.outputs[0]
    if not is_blocked(op, threads):
        kernel = prod(weight.shape[2:])
        return 0 if kernel == 1 else read.shape[1] * kernel * prod(written.shape[2:]) * read.itemsize
    if is_channels_last(op):
        return weight.nbytes * (1 if _is_channels_last(weight) else 2)
    copied = _blocked(read) if read.shape[1] >= IMAGE_CHANNELS else 0  # images are read in their own layout
    computing = copied + weight.nbytes + _blocked(written)
    return max(computing, _blocked(written) + written.nbytes) - written.nbytes


def is_blocked(op: Op, threads: int = 1) -> bool:
    """Whether torch hands this convolution to oneDNN, which works on blocked copies.

    As `use_mkldnn` decides in aten/src/ATen/native/Convolution.cpp, for float32 on the CPU.
    """
    read, weight = op.tensor("input"), op.tensor("weight")
    height, width = (1, *weight.shape[2:])[-2:]
    strided = any(step > 1 for name in ("stride", "dilation") for step in op.integers(name))
    worth_it = strided or threads > 1 or (height, width) != (1, 1) or read.shape[0] >= MANY
    grouped, large = op.arguments.get("groups") != 1, min(height, width) > 3
    return worth_it and (grouped or large or read.shape[0] > 1 or read.numel > SMALL)


def is_channels_last(op: Op) -> bool:
    """Whether the convolution reads and writes tensors whose channels lie innermost, without copies."""
    return op.tensor("input").channels_last or op.tensor("weight").channels_last


def _is_channels_last(weight: Tensor) -> bool:
    """Whether it is so already, or both orders are the same."""
    return weight.channels_last or weight.shape[1] == 1 or set(weight.shape[2:]) == {1}


def _blocked(tensor: Tensor) -> int:
    """Channels filled up to whole blocks."""
    batch, channels, *sizes = tensor.shape
    return batch * -(-channels // BLOCK) * BLOCK * prod(sizes) * tensor.itemsize
