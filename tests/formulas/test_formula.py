import pytest

from analyzer.formulas.formula import (
    elements,
    first,
    free,
    given,
    merge,
    per_input,
    per_item,
    per_mac,
    per_output,
    sizes,
    table,
)
from analyzer.values.counts import Cost
from analyzer.values.graph import Op, Tensor

X, Y = Tensor((2, 3)), Tensor((4, 5))


def op(arguments, *outputs):
    return Op("aten.f.default", arguments, outputs)


def test_two_formulas_for_one_operator_are_refused():
    with pytest.raises(ValueError, match=r"two formulas for aten\.b"):
        merge(table(free, "a b"), table(free, "b c"))


def test_tables_are_merged_in_full():
    assert list(merge(table(free, "a b"), {}, table(free, "a", "prims"))) == ["aten.a", "aten.b", "prims.a"]


@pytest.mark.parametrize(
    ("formula", "call", "other"),
    [
        (free, op({"self": X}, Y), 0),
        (per_output(2), op({"self": X}, Y), 2 * 4 * 5),
        (per_output(2), op({"self": X}, Y, Y), 2 * 4 * 5),
        (per_output(2), op({"self": X}), 2 * 2 * 3),
        (per_output(2), op({}), 0),
        (per_input(3), op({"dim": 1, "self": X}, Y), 3 * 2 * 3),
        (per_input(3), op({"dim": 1}, Y), 0),
        (per_item(1), op({"self": (X, Y), "other": X}), 2 * 3 + 4 * 5),
        (per_item(1), op({}), 0),
    ],
)
def test_common_shapes_of_formula(formula, call, other):
    assert formula(call) == Cost(0, other)


def test_a_sparse_tensor_has_the_elements_it_stores():
    assert (elements(X), elements(Tensor((2, 3), nnz=4)), elements(Tensor((2, 3), nnz=0))) == (6, 4, 0)


def test_tensors_are_found_under_the_name_that_the_operator_has():
    call = op({"qx": X, "weights": (X, Y), "bias": None, "scales": ()})
    assert first(call, "input", "qx") is X
    assert given(call, "qx", "weights", "bias", "scales", "elsewhere") == 2


def test_a_list_of_sizes_may_be_one_number_or_left_out():
    call = op({"kernel": (2, 3), "stride": 2, "padding": None})
    assert [sizes(call, name) for name in ("kernel", "stride", "padding", "dilation")] == [(2, 3), (2,), (), ()]


def test_complex_macs():
    assert (per_mac(X, Y), per_mac(X, Tensor((1,), "complex64", 8))) == (1, 4)
