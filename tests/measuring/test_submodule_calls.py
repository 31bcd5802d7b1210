import pytest
import torch
from torch import nn

from analyzer.measuring.benchmark_model import open_benchmark_model
from analyzer.measuring.submodule_calls import CallSequence, TimedSwap, before_and_after, calls_at, shapes_at
from analyzer.values.convolution import Convolution, Identity, Proposal
from analyzer.values.errors import Problem

SEPARABLE = (
    Convolution(64, 64, (3, 3), (1, 1), (1, 1), (1, 1), 64, False, (8, 8)),
    Convolution(64, 64, (1, 1), (1, 1), (0, 0), (1, 1), 1, False, (8, 8)),
)


@pytest.fixture
def benchmark(net, consult, hasty):
    with open_benchmark_model(consult(net), hasty) as prepared:
        yield prepared


def test_a_layer_is_caught_with_a_copy_of_what_reaches_it(benchmark):
    call = calls_at(benchmark, ["norm"])["norm"]
    expected = benchmark.module.stem(*benchmark.args)
    assert call.layer is benchmark.module.norm
    assert torch.equal(call.args[0], expected)
    assert not call.layer._forward_pre_hooks


def test_a_layer_that_writes_its_input_is_known(benchmark):
    caught = calls_at(benchmark, ["relu", "norm"])
    assert caught["relu"].writes_its_input
    assert not caught["norm"].writes_its_input


def test_the_first_of_several_calls_is_caught(consult, hasty):
    layer = nn.Linear(4, 4)
    with open_benchmark_model(consult(nn.Sequential(layer, layer).eval(), torch.ones(2, 4)), hasty) as benchmark:
        assert torch.equal(calls_at(benchmark, ["0"])["0"].args[0], benchmark.args[0])


def test_shapes_are_those_of_innermost_layers(benchmark):
    found = shapes_at(benchmark)
    assert found["stem"] == ((1, 3, 8, 8),)
    assert found["head"] == ((1, 64),)
    assert "" not in found


def test_a_proposal_is_in_the_model_while_the_block_runs_only(benchmark):
    before = dict(benchmark.module.named_modules())
    with TimedSwap.of(benchmark, [Proposal((("wide", SEPARABLE),))]).inserted():
        assert [layer.groups for layer in benchmark.module.wide] == [64, 1]
    assert dict(benchmark.module.named_modules()) == before


def test_the_model_is_as_it_was_when_the_block_fails(benchmark):
    before = dict(benchmark.module.named_modules())
    with pytest.raises(ZeroDivisionError), TimedSwap.of(benchmark, [Proposal((("wide", SEPARABLE),))]).inserted():
        raise ZeroDivisionError
    assert dict(benchmark.module.named_modules()) == before


def test_a_proposal_reads_the_same_input_at_the_same_place(benchmark):
    now, then = before_and_after(benchmark, Proposal((("wide", SEPARABLE),)), shapes_at(benchmark))
    assert list(now) == list(then) == ["wide"]
    assert torch.equal(now["wide"].args[0], then["wide"].args[0])
    assert isinstance(now["wide"].layer, nn.Conv2d)
    assert isinstance(then["wide"].layer, nn.Sequential)


def test_layers_that_get_another_shape_by_a_proposal_belong_to_it(benchmark):
    strided = Convolution(3, 64, (3, 3), (2, 2), (1, 1), (1, 1), 1, False, (8, 8))
    now, then = before_and_after(benchmark, Proposal((("stem", (strided,)),)), shapes_at(benchmark))
    assert list(now) == list(then) == ["stem", "norm", "relu", "wide", "norm2", "twin"]
    assert now["wide"].args[0].shape == (1, 64, 8, 8)
    assert then["wide"].args[0].shape == (1, 64, 4, 4)


def test_a_layer_that_cannot_be_replaced_is_refused(benchmark):
    with pytest.raises(Problem, match="has no layer 'nowhere'"):
        before_and_after(benchmark, Proposal((("nowhere", (Identity(),)),)), shapes_at(benchmark))


def test_a_piece_runs_its_calls_in_order(benchmark):
    order = []
    CallSequence((lambda: order.append(1), lambda: order.append(2)))()
    assert order == [1, 2]


def test_a_model_that_is_a_layer_itself_can_be_replaced(consult, hasty):
    with open_benchmark_model(
        consult(nn.Conv2d(64, 64, 3, padding=1, bias=False).eval(), torch.ones(1, 64, 8, 8)), hasty
    ) as benchmark:
        now, then = before_and_after(benchmark, Proposal((("", SEPARABLE),)), shapes_at(benchmark))
        assert isinstance(now[""].layer, nn.Conv2d)
        assert isinstance(then[""].layer, nn.Sequential)
        assert isinstance(benchmark.module, nn.Conv2d)


def test_a_module_that_takes_its_branches_over_is_called_before_and_after(branches, consult, hasty):
    model = consult(nn.Sequential(branches, nn.Conv2d(8, 8, 1)).eval(), torch.randn(1, 8, 6, 6))
    proposal = next(item.proposal for item in model.advised if item.advice.rule == "PAR301")
    with open_benchmark_model(model, hasty) as benchmark:
        before = dict(benchmark.module.named_modules())
        now, then = before_and_after(benchmark, proposal, shapes_at(benchmark))
        assert list(now) == list(then) == ["0"]
        assert type(now["0"].layer) is type(branches)
        assert [type(layer) for layer in then["0"].layer] == [nn.Conv2d, nn.ReLU]
        assert then["0"]().shape == now["0"]().shape
        assert dict(benchmark.module.named_modules()) == before
