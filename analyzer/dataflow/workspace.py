"""What a convolution of torch's takes on the CPU beside its input and output, while it runs.

Read off torch 2.14: oneDNN copies input and weights into blocks of eight channels, computes into a blocked output, lets
go of the copies, and copies the output back; small convolutions are a matrix product over unfolded columns instead.
"""

from __future__ import annotations

from math import prod

from analyzer.dataflow.operators import is_convolution
from analyzer.graph import Op, Tensor

BLOCK = 8
"""Channels of a block where the processor has 256-bit vectors."""
SMALL = 20480
"""Elements of an input that is not worth the copies."""


def workspace_bytes(op: Op) -> int:
    """Bytes beside inputs and outputs that are held at the operator's worst moment; 0 for all but convolutions.

    oneDNN: max(in' + weight + out', out' + out) - out, where ' is the blocked form; columns otherwise: Cin · ∏k · ∏out.
    """
    if not is_convolution(op) or op.outputs[0].dtype != "float32":
        return 0
    read, weight, written = op.tensor("input"), op.tensor("weight"), op.outputs[0]
    if _is_small(op, read, weight):
        return _columns(read, weight, written)
    copied = 0 if _is_read_as_it_is(read) else _blocked(read)
    computing = copied + weight.nbytes + _blocked(written)
    return max(computing, _blocked(written) + written.nbytes) - written.nbytes


def _is_small(op: Op, read: Tensor, weight: Tensor) -> bool:
    """Whether torch leaves the convolution to its own code, `slow_conv2d`."""
    thin = len(weight.shape) == 4 and max(weight.shape[2:]) <= 3 and read.shape[0] == 1
    plain = op.arguments.get("groups") == 1 and not op.arguments.get("transposed")
    return thin and plain and set(op.integers("dilation")) <= {1} and read.numel <= SMALL


def _columns(read: Tensor, weight: Tensor, written: Tensor) -> int:
    kernel = prod(weight.shape[2:])
    return 0 if kernel == 1 else read.shape[1] * kernel * prod(written.shape[2:]) * read.itemsize


def _is_read_as_it_is(read: Tensor) -> bool:
    """Images of up to three channels are read in their own layout."""
    return read.shape[1] <= 3


def _blocked(tensor: Tensor) -> int:
    """Channels filled up to whole blocks."""
    batch, channels, *sizes = tensor.shape
    return batch * -(-channels // BLOCK) * BLOCK * prod(sizes) * tensor.itemsize
