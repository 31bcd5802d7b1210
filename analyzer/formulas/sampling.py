"""Resampling of images: one FLOP per tap that is blended into an output, as fvcore counts bilinear ones."""

from analyzer.formulas.formula import Formula, first, per_element_of, per_output, table
from analyzer.values.counts import Cost
from analyzer.values.graph import Op

LINEAR, BILINEAR, TRILINEAR, BICUBIC, LANCZOS = 2, 4, 8, 16, 36
"""Taps per output."""
GRADIENT = "grad_output"


def antialiased(taps: int) -> Formula:
    """other = taps · (∏in + ∏out): a shrinking filter widens until it has taken in the whole input."""
    return lambda op: Cost(other_flops=taps * (first(op, "self", "input").numel + op.outputs[0].numel))


def grid_sample(op: Op) -> Cost:
    """other = ∏out · taps, for each dimension of grid (N, *space, dimensions) 2 when linear, 1 nearest, 4 cubic."""
    mode = op.arguments.get("interpolation_mode", 0)
    per_axis = {0: 2, 1: 1, 2: 4}[mode if isinstance(mode, int) else 0]
    return Cost(other_flops=op.outputs[0].numel * per_axis ** (len(op.tensor("grid").shape) - 2))


def affine_grid(op: Op) -> Cost:
    """other = ∏out · (2 · dimensions): a small product per place, (N, ∏space, dimensions)."""
    out = op.outputs[0]
    return Cost(other_flops=out.numel * 2 * out.shape[-1])


BOUNDED: dict[str, Formula] = {
    **table(per_output(LINEAR), "upsample_linear1d"),
    **table(per_output(BILINEAR), "upsample_bilinear2d"),
    **table(per_output(TRILINEAR), "upsample_trilinear3d"),
    **table(per_output(BICUBIC), "upsample_bicubic2d"),
    "aten._upsample_bilinear2d_aa": antialiased(BILINEAR),
    "aten._upsample_bicubic2d_aa": antialiased(BICUBIC),
    "aten._upsample_lanczos2d_aa": antialiased(LANCZOS),
    **table(
        grid_sample, "grid_sampler grid_sampler_2d grid_sampler_3d _grid_sampler_2d_cpu_fallback cudnn_grid_sampler"
    ),
    **table(affine_grid, "affine_grid_generator cudnn_affine_grid_generator"),
    **table(per_element_of(LINEAR, GRADIENT), "upsample_linear1d_backward"),
    **table(per_element_of(BILINEAR, GRADIENT), "upsample_bilinear2d_backward _upsample_bilinear2d_aa_backward"),
    **table(per_element_of(TRILINEAR, GRADIENT), "upsample_trilinear3d_backward"),
    **table(per_element_of(BICUBIC, GRADIENT), "upsample_bicubic2d_backward _upsample_bicubic2d_aa_backward"),
    **table(per_element_of(LANCZOS, GRADIENT), "_upsample_lanczos2d_aa_backward"),
    **table(
        per_element_of(2 * BILINEAR, GRADIENT),
        "grid_sampler_2d_backward _grid_sampler_2d_cpu_fallback_backward cudnn_grid_sampler_backward",
    ),
    **table(per_element_of(2 * TRILINEAR, GRADIENT), "grid_sampler_3d_backward"),
    **table(
        per_element_of(1, GRADIENT),
        "upsample_nearest1d_backward upsample_nearest2d_backward upsample_nearest3d_backward "
        "_upsample_nearest_exact1d_backward _upsample_nearest_exact2d_backward _upsample_nearest_exact3d_backward",
    ),
}
