"""Matrix products, dense or with one sparse operand, and the linear layers made of them."""

from math import prod

from analyzer.formulas.formula import Formula, elements, first, given, per_mac, size, sizes, table
from analyzer.values.counts import Cost
from analyzer.values.graph import Op, Tensor, tensors_of


def product(left: Tensor, right: Tensor, out: Tensor) -> int | None:
    """macs = ∏out · K for (…, M, K) @ (…, K, N); nnz · N or M · nnz with one sparse operand, unknown with two."""
    if left.nnz is not None and right.nnz is not None:
        return None
    if left.nnz is not None:
        return left.nnz * (right.shape[-1] if len(right.shape) > 1 else 1)
    if right.nnz is not None:
        return right.nnz * (left.shape[-2] if len(left.shape) > 1 else 1)
    return out.numel * left.shape[-1] * per_mac(left, right)


def multiply(left: str, right: str, flops_per_output: int = 0) -> Formula:
    """A product of the two named operands, and so many other FLOPs per output."""

    def formula(op: Op) -> Cost | None:
        out = op.outputs[0]
        macs = product(op.tensor(left), op.tensor(right), out)
        return None if macs is None else Cost(macs, flops_per_output * out.numel)

    return formula


def multiply_each(op: Op) -> Cost | None:
    """macs = Σ(M · K · N) over two lists of matrices."""
    pairs = zip(tensors_of(op.arguments["self"]), tensors_of(op.arguments["mat2"]), op.outputs, strict=True)
    macs = [product(left, right, out) for left, right, out in pairs]
    return None if None in macs else Cost(sum(each for each in macs if each is not None))


def linear(op: Op) -> Cost:
    """macs = ∏batch · in · out, weight (out, in); sparse: ∏batch · nnz; other = ∏out for bias, addend, activation."""
    x, weight, out = first(op, "input", "self", "X"), first(op, "weight", "ORI_W", "W"), op.outputs[0]
    macs = prod(x.shape[:-1]) * elements(weight) * per_mac(x, weight)
    activation = op.arguments.get("attr", op.arguments.get("activation")) not in (None, "none", "add")
    return Cost(macs, (given(op, "bias", "B", "other") + activation) * out.numel)


def rows_times_packed(flops_per_output: int, flops_per_weight: int = 0) -> Formula:
    """macs = ∏out · K, input (…, K), for every layout of the weight; dequantizing costs per weight of K · N."""

    def formula(op: Op) -> Cost:
        x, out = first(op, "input", "self", "inp"), op.outputs[0]
        weights = x.shape[-1] * out.shape[-1]
        return Cost(
            out.numel * x.shape[-1], (flops_per_output + given(op, "bias")) * out.numel + flops_per_weight * weights
        )

    return formula


def grouped(op: Op) -> Cost:
    """macs = (rows of all groups) · K · N, groups ragged or not: every row meets one group's (K, N) matrix.

    (M, K) @ (G, K, N), (M, K) @ (K, N) with K split into groups and (G, M, K) @ (G, K, N) have ∏left · N,
    (G, M, K) @ (K, N) with N split into groups has M · ∏right. Rows beyond the last offset are counted.
    """
    left, right, out = op.tensor("self"), op.tensor("mat2"), op.outputs[0]
    columns_split = len(left.shape) == 3 and len(right.shape) == 2
    macs = left.shape[-2] * right.numel if columns_split else left.numel * right.shape[-1]
    return Cost(macs, given(op, "bias", "scale_a") * out.numel)


def sum_of_products(op: Op) -> Cost:
    """addbmm: macs = B · M · K · N; other = M · N."""
    left, right = op.tensor("batch1"), op.tensor("batch2")
    return Cost(left.numel * right.shape[-1] * per_mac(left, right), op.outputs[0].numel)


def tensordot(op: Op) -> Cost:
    """macs = ∏out · ∏(contracted dimensions)."""
    left = op.tensor("self")
    contracted = prod(left.shape[dim] for dim in sizes(op, "dims_self"))
    return Cost(op.outputs[0].numel * contracted * per_mac(left))


def vecdot(op: Op) -> Cost:
    """macs = ∏out · K, K the size of the named dimension."""
    left = op.tensor("x")
    return Cost(op.outputs[0].numel * left.shape[size(op, "dim")] * per_mac(left))


def bilinear(op: Op) -> Cost:
    """macs = ∏batch · out · in1 · in2, weight (out, in1, in2)."""
    weight, out = op.tensor("weight"), op.outputs[0]
    return Cost(out.numel * weight.shape[1] * weight.shape[2] * per_mac(weight), given(op, "bias") * out.numel)


def trilinear(op: Op) -> Cost:
    """macs = ∏(the three operands broadcast together); the inner product of the first two is not counted again."""
    operands = [_expanded(op, number) for number in (1, 2, 3)]
    shape = [
        next((size for size in sizes_of_dim if size is not None), 1) for sizes_of_dim in zip(*operands, strict=True)
    ]
    return Cost(prod(shape) * per_mac(op.tensor("i1")))


def _expanded(op: Op, number: int) -> list[int | None]:
    """The operand's sizes, None where it is to be broadcast."""
    shape: list[int | None] = list(op.tensor(f"i{number}").shape)
    for dim in sorted(sizes(op, f"expand{number}")):
        shape.insert(dim, None)
    return shape


def pairwise_distances(op: Op) -> Cost:
    """macs = ∏out · M for points in M dimensions; other = ∏out · (M differences + 1 root)."""
    dimensions, pairs = first(op, "x1", "self").shape[-1], op.outputs[0].numel
    return Cost(pairs * dimensions, pairs * (dimensions + 1))


def pairwise_distances_backward(op: Op) -> Cost:
    """macs = ∏distances · M: every difference is scaled and summed once; other = ∏distances · M differences."""
    dimensions, pairs = first(op, "x1", "self").shape[-1], first(op, "grad_output", "grad").numel
    return Cost(pairs * dimensions, pairs * dimensions)


def product_backward(left: str, right: str) -> Formula:
    """macs = forward, once for every operand whose gradient is wanted; other = ∏grad for the bias."""

    def formula(op: Op) -> Cost:
        x, grad = op.tensor(left), first(op, "grad_output", "grad")
        mask = op.arguments.get("output_mask", op.arguments.get("mask", (True, True)))
        wanted = [bool(item) for item in mask] if isinstance(mask, tuple) else [True, True]
        forward = grad.numel * x.shape[-1] * per_mac(x, op.tensor(right))
        return Cost(forward * sum(wanted[:2]), grad.numel * sum(wanted[2:]))

    return formula


CONTRACTIONS: dict[str, Formula] = {
    **table(multiply("self", "mat2"), "mm bmm _int_mm"),
    **table(multiply("self", "other"), "matmul linalg_matmul inner"),
    **table(multiply("mat1", "mat2", 1), "addmm"),
    **table(multiply("mat1", "mat2", 2), "_addmm_activation"),
    **table(multiply("batch1", "batch2", 1), "baddbmm"),
    "aten._foreach_mm": multiply_each,
    "aten.addbmm": sum_of_products,
    "aten.mv": multiply("self", "vec"),
    "aten.addmv": multiply("mat", "vec", 1),
    "aten.dot": multiply("self", "tensor"),
    "aten.vdot": multiply("self", "other"),
    "aten.linalg_vecdot": vecdot,
    "aten.tensordot": tensordot,
    **table(linear, "linear mkldnn_linear _sparse_semi_structured_linear"),
    **table(linear, "_linear_pointwise", "mkldnn"),
    **table(linear, "_mkl_linear", "mkl"),
    **table(grouped, "_grouped_mm _scaled_grouped_mm _scaled_grouped_mm_v2"),
    **table(rows_times_packed(1), "_scaled_mm _scaled_mm_v2 _weight_int8pack_mm _mixed_dtypes_linear"),
    **table(
        rows_times_packed(0, flops_per_weight=2),
        "_weight_int4pack_mm _weight_int4pack_mm_for_cpu _weight_int4pack_mm_with_scales_and_zeros "
        "_dyn_quant_matmul_4bit",
    ),
    "aten.bilinear": bilinear,
    "aten._trilinear": trilinear,
    **table(pairwise_distances, "cdist _cdist_forward _euclidean_dist pdist _pdist_forward"),
    **table(pairwise_distances_backward, "_cdist_backward _pdist_backward"),
    **table(product_backward("self", "weight"), "linear_backward mkldnn_linear_backward"),
    **table(product_backward("self", "other"), "matmul_backward"),
}
