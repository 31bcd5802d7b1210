import pytest

from analyzer.formulas import BOUNDED, CONTRACTIONS, FORMULAS, FREE, cost_of, kind_of
from analyzer.values.counts import Cost
from analyzer.values.graph import Op, Tensor

X, OUT = Tensor((2, 3)), Tensor((4, 5))


def op(name, *tags):
    return Op(name, {"self": X}, (OUT,), tags=frozenset(tags))


@pytest.mark.parametrize(
    ("call", "kind", "cost"),
    [
        (op("mine.scan.default"), "opaque", None),
        (op("mine.scan_.default", "inplace"), "opaque", None),
        (op("aten.special_airy_ai.default", "pointwise"), "bounded", Cost(0, 4 * 5)),
        (op("aten.special_airy_ai_.default", "pointwise", "inplace"), "bounded", Cost(0, 4 * 5)),
        (op("mine.total.default", "reduction"), "bounded", Cost(0, 2 * 3)),
        (op("mine.window.default", "view"), "free", Cost()),
        (op("mine.room.default", "allocation"), "free", Cost()),
        (op("mine.window.default", "view", "pointwise"), "free", Cost()),
        # A table comes before a tag.
        (op("aten.clone.default", "pointwise"), "free", Cost()),
        (op("aten._to_copy.default", "pointwise"), "free", Cost()),
        (op("aten.copy_.default", "pointwise", "inplace"), "free", Cost()),
        (op("aten._softmax.default", "reduction"), "bounded", Cost(0, 5 * 2 * 3)),
        # In-place twins.
        (op("aten.relu_.default"), "bounded", Cost(0, 4 * 5)),
        (op("aten.eq_.Scalar"), "bounded", Cost(0, 4 * 5)),
        (op("aten.__ior__.Tensor"), "bounded", Cost(0, 4 * 5)),
        (op("aten.squeeze_.dim"), "free", Cost()),
    ],
)
def test_kind_and_cost(call, kind, cost):
    assert (kind_of(call), cost_of(call)) == (kind, cost)


def test_every_formula_is_of_one_kind():
    assert len(FORMULAS) == len(CONTRACTIONS) + len(BOUNDED) + len(FREE)
