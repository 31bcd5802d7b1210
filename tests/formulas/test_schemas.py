"""Every formula against the schemas that torch has: names of arguments exist, sizes may be integers or symbols."""

import pytest
import sympy
import torch
import torchvision  # noqa: F401 - registers its operators

from analyzer.formulas import CONTRACTIONS, FORMULAS, cost_of, kind_of
from analyzer.values.graph import Op, Tensor

# Operators that only some builds or versions of torch have.
ELSEWHERE = (
    "c10d.",
    "_c10d_functional.",
    "_c10d_functional_autograd.",
    "higher_order.",
    "prim.",
    "mkldnn.",
    "mkldnn_prepacked.",
    "mkl.",
    "onednn.",
)
UNKNOWABLE = {
    "aten._sparse_sparse_matmul",
    "sparse.qlinear",
    "sparse.qlinear_relu",
    "sparse.qlinear_dynamic",
    "sparse.qlinear_relu_dynamic",
}
SPARSE = {"sparse", "self", "mat1"}


def overloads():
    for qualified in sorted(torch._C._dispatch_get_all_op_names()):
        namespace, _, rest = qualified.partition("::")
        name, _, overload = rest.partition(".")
        try:
            yield f"{namespace}.{name}", getattr(getattr(getattr(torch.ops, namespace), name), overload or "default")
        except (AttributeError, RuntimeError):
            continue


REGISTERED = list(overloads())
PRICED = [(packet, found) for packet, found in REGISTERED if packet in FORMULAS or packet.removesuffix("_") in FORMULAS]


def value_of(argument, tensor, given, sparse):
    kind = str(argument.type)
    if kind.startswith("Optional") and not given:
        return None
    kind = kind.removeprefix("Optional[").removesuffix("]") if kind.startswith("Optional") else kind
    if kind.startswith("List["):
        inner = kind.removeprefix("List[").removesuffix("]")
        if inner == "bool":
            return (True,) * 3
        return (tensor, tensor) if "Tensor" in inner or "Params" in inner else (1, 1)
    if "Tensor" in kind or "Params" in kind or "Context" in kind:
        return Tensor(tensor.shape, nnz=3) if sparse and argument.name in SPARSE else tensor
    return {"bool": given, "float": 0.5, "number": 2, "str": "none", "Device": "cpu"}.get(kind, 1)


def call(packet, overload, size, given):
    tensor = Tensor((size,) * 4)
    # The sparse products know the stored elements of their sparse operand only.
    sparse = "sparse" in packet or packet in {"aten.smm", "aten.hspmm", "aten.sspaddmm"}
    arguments = {argument.name: value_of(argument, tensor, given, sparse) for argument in overload._schema.arguments}
    returns = [str(result.type) for result in overload._schema.returns]
    outputs = tuple(tensor for kind in returns if "Tensor" in kind for _ in range(2 if "List" in kind else 1))
    return Op(f"{packet}.{overload._overloadname}", arguments, outputs)


@pytest.mark.parametrize("given", [False, True], ids=["bare", "every option"])
def test_formulas_know_their_arguments_by_the_names_in_the_schema(given):
    wrong = []
    for packet, overload in PRICED:
        cost = cost_of(call(packet, overload, 2, given))
        if cost is None and packet not in UNKNOWABLE:
            wrong.append(f"{packet}.{overload._overloadname}")
        elif cost is not None and (cost.macs < 0 or cost.other_flops < 0):
            wrong.append(f"{packet}: {cost}")
    assert wrong == []


def test_symbolic_sizes_give_the_formula_of_the_numbers():
    size = sympy.Symbol("s", positive=True, integer=True)
    wrong = []
    for packet, overload in PRICED:
        formula, number = (cost_of(call(packet, overload, s, True)) for s in (size, 3))
        if formula is None:  # a Fourier transform takes the logarithm of its length
            wrong += [packet] if packet not in UNKNOWABLE and "fft" not in packet else []
            continue
        found = (sympy.sympify(formula.macs).subs(size, 3), sympy.sympify(formula.other_flops).subs(size, 3))
        if found != (number.macs, number.other_flops):
            wrong.append(f"{packet}: {found} is not {number}")
    assert wrong == []


@pytest.mark.skipif(torch.__version__ < (2, 14), reason="the tables name operators that older versions lack")
def test_every_priced_operator_exists():
    known = {packet for packet, _ in REGISTERED}
    missing = [p for p in FORMULAS if p not in known and f"{p}_" not in known and not p.startswith(ELSEWHERE)]
    assert missing == []


def test_contractions_and_the_rest_are_told_apart():
    kinds = {packet: kind_of(call(packet, overload, 2, False)) for packet, overload in PRICED}
    assert {p for p, kind in kinds.items() if kind == "contraction"} == {
        p for p in kinds if p in CONTRACTIONS or (p.removesuffix("_") in CONTRACTIONS and p not in FORMULAS)
    }
    assert "opaque" not in kinds.values()


def test_no_operator_of_the_core_set_is_opaque():
    core = [(packet, overload) for packet, overload in REGISTERED if torch.Tag.core in overload.tags]
    tagged = {torch.Tag.pointwise: "pointwise", torch.Tag.reduction: "reduction"}
    opaque = []
    for packet, overload in core:
        tags = frozenset(
            {name for tag, name in tagged.items() if tag in overload.tags} | ({"view"} if overload.is_view else set())
        )
        if kind_of(Op(f"{packet}.{overload._overloadname}", {}, (), tags=tags)) == "opaque":
            opaque.append(packet)
    assert len(core) > 150
    assert opaque == []


@pytest.mark.parametrize("packet", ["aten.linalg_svd", "aten._linalg_solve_ex", "aten._ctc_loss", "aten.linalg_qr"])
def test_decompositions_stay_opaque(packet):
    op = Op(f"{packet}.default", {"A": Tensor((3, 3))}, (Tensor((3, 3)),))
    assert (kind_of(op), cost_of(op)) == ("opaque", None)
