"""Fourier transforms, by the operation count of FFTW's benchmark (fftw.org/speed/method.html)."""

from math import prod

from analyzer.formulas.formula import Formula, sizes
from analyzer.values.counts import Cost
from analyzer.values.graph import Op


def transform(divisor: int, is_to_real: bool = False) -> Formula:
    """other = 5 · ∏in · ⌈log2 N⌉ / divisor, N the product of the transformed sizes; to real numbers of the output.

    Between real and complex numbers it is half of a transform of complex ones.
    """

    def formula(op: Op) -> Cost | None:
        tensor = op.outputs[0] if is_to_real else op.tensor("self")
        length: object = prod(tensor.shape[dim] for dim in sizes(op, "dim"))
        if not isinstance(length, int):  # a symbolic length has no bits to count
            return None
        return Cost(other_flops=5 * tensor.numel * (length - 1).bit_length() // divisor)

    return formula


BOUNDED: dict[str, Formula] = {
    **dict.fromkeys(("aten._fft_c2c", "prims.fft_c2c"), transform(1)),
    **dict.fromkeys(("aten._fft_r2c", "prims.fft_r2c"), transform(2)),
    **dict.fromkeys(("aten._fft_c2r", "prims.fft_c2r"), transform(2, is_to_real=True)),
}
