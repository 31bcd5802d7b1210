"""Fourier transforms, by the operation count of FFTW's benchmark (fftw.org/speed/method.html)."""

from math import prod

from analyzer.formulas.formula import Formula, sizes
from analyzer.values.counts import Cost
from analyzer.values.graph import Op, Tensor


def complex_transform(op: Op) -> Cost | None:
    """other = 5 · ∏in · ⌈log2 N⌉, N the product of the transformed sizes."""
    return _transform(op, op.tensor("self"), 1)


def from_real(op: Op) -> Cost | None:
    """other = 5 · ∏in · ⌈log2 N⌉ / 2, N by the real input: half of a complex one."""
    return _transform(op, op.tensor("self"), 2)


def to_real(op: Op) -> Cost | None:
    """other = 5 · ∏out · ⌈log2 N⌉ / 2, N by the real output."""
    return _transform(op, op.outputs[0], 2)


def _transform(op: Op, tensor: Tensor, divisor: int) -> Cost | None:
    length: object = prod(tensor.shape[dim] for dim in sizes(op, "dim"))
    if not isinstance(length, int):  # a symbolic length has no bits to count
        return None
    return Cost(other_flops=5 * tensor.numel * (length - 1).bit_length() // divisor)


BOUNDED: dict[str, Formula] = {
    "aten._fft_c2c": complex_transform,
    "aten._fft_r2c": from_real,
    "aten._fft_c2r": to_real,
    "prims.fft_c2c": complex_transform,
    "prims.fft_r2c": from_real,
    "prims.fft_c2r": to_real,
}
