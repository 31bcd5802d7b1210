"""What tells calls of operators apart, and which calls are always carried out."""

import pytest
import torch

from analyzer.tracing.operator_memo import OperatorMemo, call_of

aten = torch.ops.aten


def meta(*shape, dtype=torch.float32):
    return torch.empty(shape, device="meta", dtype=dtype)


def key(func, *args, **kwargs):
    with torch.no_grad():
        call = call_of(func, args, kwargs)
    return None if call is None else call.key


def test_tensors_of_one_form_make_one_call():
    assert key(aten.relu.default, meta(2, 3)) == key(aten.relu.default, meta(2, 3)) is not None


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ((aten.relu.default, meta(2, 3)), (aten.relu.default, meta(3, 2))),
        ((aten.relu.default, meta(2, 3)), (aten.relu.default, meta(3, 2).T)),
        ((aten.relu.default, meta(2)), (aten.relu.default, meta(2, dtype=torch.float64))),
        ((aten.relu.default, meta(2)), (aten.tanh.default, meta(2))),
        ((aten.mul.Tensor, meta(2), 2), (aten.mul.Tensor, meta(2), 2.0)),
        ((aten.mul.Tensor, meta(2), 1), (aten.mul.Tensor, meta(2), True)),
        ((aten.add.Tensor, *[meta(2)] * 2), (aten.add.Tensor, meta(2), meta(2))),
    ],
)
def test_calls_that_differ_are_told_apart(one, two):
    assert None is not key(*one) != key(*two) is not None


@pytest.mark.parametrize(
    "call",
    [
        (aten.relu_.default, meta(2)),
        (aten.view.default, meta(2), [2]),
        (aten.rand_like.default, meta(2)),
        (aten.nonzero.default, meta(2)),
        (aten.relu.default, torch.ones(2)),
        (aten.ones.default, [2]),
    ],
    ids=["writes", "a view", "random", "depends on values", "has values", "is given no tensor"],
)
def test_some_calls_are_always_carried_out(call):
    assert key(*call) is None


def test_nothing_is_kept_while_gradients_are_recorded():
    assert call_of(aten.relu.default, (meta(2),), {}) is None


def test_a_call_that_cannot_be_repeated_is_known_as_such():
    memo, call = OperatorMemo(), None
    with torch.no_grad():
        call = call_of(aten.relu.default, (meta(2),), {})
    assert not memo.has_met(call)
    memo.put(call, None)
    assert memo.has_met(call)
    assert memo.get(call) is None
