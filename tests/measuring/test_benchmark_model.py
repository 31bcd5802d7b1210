from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from torch import nn

from analyzer.measuring import benchmark_model as rooms
from analyzer.measuring import memory_limits
from analyzer.measuring.benchmark_model import conditions_of, open_benchmark_model
from analyzer.values.errors import Problem


def test_the_model_is_a_copy_in_eval_mode_with_the_users_weights(net, consult, hasty):
    net.train()
    advised_model = consult(net)
    with open_benchmark_model(advised_model, hasty) as benchmark:
        assert benchmark.module is not net
        assert not benchmark.module.training
        assert torch.equal(benchmark.module.stem.weight, net.stem.weight)
        assert torch.is_inference_mode_enabled()
        assert conditions_of(benchmark, advised_model.loaded).weights == "the module's own"
    assert net.training
    assert not torch.is_inference_mode_enabled()


def test_the_users_model_is_left_as_it_was(net, consult, hasty):
    state, modules = deepcopy(net.state_dict()), dict(net.named_modules())
    with open_benchmark_model(consult(net), replace(hasty, dtype="float64", channels_last=True)) as benchmark:
        benchmark.module.stem.weight.data.zero_()
    assert dict(net.named_modules()) == modules
    assert all(torch.equal(value, net.state_dict()[name]) for name, value in state.items())
    assert net.stem.weight.dtype is torch.float32


def test_threads_are_fixed_while_it_is_open(net, consult, hasty):
    before = torch.get_num_threads()
    with open_benchmark_model(consult(net), replace(hasty, threads=before + 1)):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before


def test_a_given_input_is_used_and_never_fed_back(net, consult, hasty):
    given = torch.rand(1, 3, 8, 8)
    with open_benchmark_model(consult(net, given), hasty) as benchmark:
        benchmark.forward()
        benchmark.forward()
        assert torch.equal(benchmark.args[0], given)


def test_a_batch_replaces_the_first_size_of_every_input(net, consult, hasty):
    with open_benchmark_model(consult(net), replace(hasty, batch=4)) as benchmark:
        assert benchmark.args[0].shape == (4, 3, 8, 8)
        assert benchmark.forward().shape == (4, 10)


def test_a_batch_needs_inputs_that_share_one(consult, hasty):
    advised_model = consult(nn.Bilinear(2, 3, 4).eval(), torch.ones(2, 2), torch.ones(2, 3))
    with open_benchmark_model(advised_model, replace(hasty, batch=5)) as benchmark:
        assert [given.shape for given in benchmark.args] == [(5, 2), (5, 3)]
    advised_model = consult(Add().eval(), torch.ones(2, 3), torch.ones(3))
    with (
        pytest.raises(Problem, match="--batch: the inputs of Add do not share a first size"),
        open_benchmark_model(advised_model, replace(hasty, batch=5)),
    ):
        pass


class Add(nn.Module):
    def forward(self, one, other):
        return one + other


def test_layout_and_type_are_those_that_are_asked_for(net, consult, hasty):
    with open_benchmark_model(consult(net), replace(hasty, dtype="bfloat16", channels_last=True)) as benchmark:
        assert benchmark.module.wide.weight.dtype is benchmark.args[0].dtype is torch.bfloat16
        assert benchmark.module.wide.weight.is_contiguous(memory_format=torch.channels_last)
        assert benchmark.args[0].is_contiguous(memory_format=torch.channels_last)


def test_indices_keep_their_type(consult, hasty):
    with open_benchmark_model(
        consult(nn.Embedding(10, 4).eval(), torch.tensor([[1, 9]])), replace(hasty, dtype="float64")
    ) as benchmark:
        assert benchmark.args[0].tolist() == [[1, 9]]


def test_a_model_that_does_not_fit_is_refused_before_anything_is_allocated(net, consult, hasty, monkeypatch):
    monkeypatch.setattr(rooms, "available", lambda device: 1000)
    advised_model = consult(net)
    built = []
    loaded = replace(advised_model.loaded, materialize=lambda: built.append(1))
    with (
        pytest.raises(Problem, match="Net cannot be timed here"),
        open_benchmark_model(replace(advised_model, loaded=loaded), hasty),
    ):
        pass
    assert built == []


def test_the_batch_counts_for_memory(net, consult, hasty, monkeypatch):
    advised_model = consult(net)
    monkeypatch.setattr(rooms, "available", lambda device: memory_limits.needed(advised_model.count))
    with open_benchmark_model(advised_model, hasty):
        pass
    with (
        pytest.raises(Problem, match="take a smaller batch"),
        open_benchmark_model(advised_model, replace(hasty, batch=2)),
    ):
        pass


def test_a_checkpoints_weights_are_used(net, consult, hasty):
    other = deepcopy(net)
    advised_model = consult(net)
    loaded = replace(advised_model.loaded, materialize=lambda: other, checkpoint="net.pth", weights=other.state_dict)
    with open_benchmark_model(replace(advised_model, loaded=loaded), hasty) as benchmark:
        assert benchmark.module is other
        assert conditions_of(benchmark, loaded).weights == "from net.pth"


def test_a_model_that_does_not_run_for_real_says_why(consult, hasty):
    advised_model = consult(Picky().eval(), torch.ones(1, 4))
    said = r"Picky cannot be timed: it does not run on cpu in float64 \(ValueError: mine\)"
    with pytest.raises(Problem, match=said), open_benchmark_model(advised_model, replace(hasty, dtype="float64")):
        pass


class Picky(nn.Module):
    def forward(self, given):
        if given.dtype is torch.float64:
            raise ValueError("mine\nand more")
        return given


def test_conditions_are_stated(net, consult, hasty):
    advised_model = consult(net)
    with open_benchmark_model(advised_model, replace(hasty, threads=1)) as benchmark:
        said = conditions_of(benchmark, advised_model.loaded)
    assert (said.device, said.dtype, said.threads, said.inputs) == ("cpu", "float32", 1, ((1, 3, 8, 8),))
    assert said.torch == torch.__version__
    assert type(said.torch) is str
    assert not said.channels_last


def test_waiting_for_a_gpu_is_waiting_for_that_one(net, consult, hasty, monkeypatch):
    waited = []
    monkeypatch.setattr(torch.cuda, "synchronize", waited.append)
    with open_benchmark_model(consult(net), hasty) as benchmark:
        benchmark.synchronize()
        assert waited == []
        benchmark.settings = replace(hasty, device="cuda:1")
        benchmark.synchronize()
    assert waited == ["cuda:1"]
