import pytest
import torch
from torch import nn

from analyzer.measuring.benchmark_model import open_benchmark_model
from analyzer.measuring.submodule_calls import Piece, TimedSwap, before_and_after, calls_at, shapes_at
from analyzer.values.convolution import Convolution, Identity, Proposal
from analyzer.values.errors import Problem

SEPARABLE = (
    Convolution(64, 64, (3, 3), (1, 1), (1, 1), (1, 1), 64, False, (8, 8)),
    Convolution(64, 64, (1, 1), (1, 1), (0, 0), (1, 1), 1, False, (8, 8)),
)


@pytest.fixture
def place(net, consult, hasty):
    with open_benchmark_model(consult(net), hasty) as prepared:
        yield prepared


def test_a_layer_is_caught_with_a_copy_of_what_reaches_it(place):
    call = calls_at(place, ["norm"])["norm"]
    expected = place.module.stem(*place.args)
    assert call.layer is place.module.norm
    assert torch.equal(call.args[0], expected)
    assert not call.layer._forward_pre_hooks


def test_a_layer_that_writes_its_input_is_known(place):
    caught = calls_at(place, ["relu", "norm"])
    assert caught["relu"].writes_its_input
    assert not caught["norm"].writes_its_input


def test_the_first_of_several_calls_is_caught(consult, hasty):
    layer = nn.Linear(4, 4)
    with open_benchmark_model(consult(nn.Sequential(layer, layer).eval(), torch.ones(2, 4)), hasty) as place:
        assert torch.equal(calls_at(place, ["0"])["0"].args[0], place.args[0])


def test_shapes_are_those_of_innermost_layers(place):
    found = shapes_at(place)
    assert found["stem"] == ((1, 3, 8, 8),)
    assert found["head"] == ((1, 64),)
    assert "" not in found


def test_a_proposal_is_in_the_model_while_the_block_runs_only(place):
    before = dict(place.module.named_modules())
    with TimedSwap.of(place, [Proposal((("wide", SEPARABLE),))]).inserted():
        assert [layer.groups for layer in place.module.wide] == [64, 1]
    assert dict(place.module.named_modules()) == before


def test_the_model_is_as_it_was_when_the_block_fails(place):
    before = dict(place.module.named_modules())
    with pytest.raises(ZeroDivisionError), TimedSwap.of(place, [Proposal((("wide", SEPARABLE),))]).inserted():
        raise ZeroDivisionError
    assert dict(place.module.named_modules()) == before


def test_a_proposal_reads_the_same_input_at_the_same_place(place):
    now, then = before_and_after(place, Proposal((("wide", SEPARABLE),)), shapes_at(place))
    assert list(now) == list(then) == ["wide"]
    assert torch.equal(now["wide"].args[0], then["wide"].args[0])
    assert isinstance(now["wide"].layer, nn.Conv2d)
    assert isinstance(then["wide"].layer, nn.Sequential)


def test_layers_that_get_another_shape_by_a_proposal_belong_to_it(place):
    strided = Convolution(3, 64, (3, 3), (2, 2), (1, 1), (1, 1), 1, False, (8, 8))
    now, then = before_and_after(place, Proposal((("stem", (strided,)),)), shapes_at(place))
    assert list(now) == list(then) == ["stem", "norm", "relu", "wide", "norm2", "twin"]
    assert now["wide"].args[0].shape == (1, 64, 8, 8)
    assert then["wide"].args[0].shape == (1, 64, 4, 4)


def test_a_layer_that_cannot_be_replaced_is_refused(place):
    with pytest.raises(Problem, match="has no layer 'nowhere'"):
        before_and_after(place, Proposal((("nowhere", (Identity(),)),)), shapes_at(place))


def test_a_piece_runs_its_calls_in_order(place):
    order = []
    Piece((lambda: order.append(1), lambda: order.append(2)))()
    assert order == [1, 2]


def test_a_model_that_is_a_layer_itself_can_be_replaced(consult, hasty):
    with open_benchmark_model(
        consult(nn.Conv2d(64, 64, 3, padding=1, bias=False).eval(), torch.ones(1, 64, 8, 8)), hasty
    ) as place:
        now, then = before_and_after(place, Proposal((("", SEPARABLE),)), shapes_at(place))
        assert isinstance(now[""].layer, nn.Conv2d)
        assert isinstance(then[""].layer, nn.Sequential)
        assert isinstance(place.module, nn.Conv2d)
