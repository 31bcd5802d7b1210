"""A checkpoint is compared with a model by names and shapes, and put into it."""

import pytest
import torch
from safetensors.torch import save_model
from torch import nn

from analyzer.loading.checkpoints.checkpoint import read
from analyzer.loading.checkpoints.checkpoint_matching import assign, match
from analyzer.values.errors import Problem


class Net(nn.Module):
    def __init__(self, width=4, device=None):
        super().__init__()
        self.conv = nn.Conv2d(3, width, 3, device=device)
        self.bn = nn.BatchNorm2d(width, device=device)
        self.fc = nn.Linear(width, 2, device=device)


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(5, 3)
        self.head = nn.Linear(3, 5, bias=False)
        self.head.weight = self.embed.weight


class Wrapped(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = Net()


@pytest.fixture
def save(tmp_path):
    def write(state):
        torch.save(state, tmp_path / "w.pth")
        return read(tmp_path / "w.pth")

    return write


def renamed(state, prefix):
    return {prefix + name: value for name, value in state.items()}


def test_a_model_fits_its_own_state(save):
    state = Net().state_dict()
    found = match(save(state), Net(device="meta"))
    assert found.names == {name: name for name in state}
    assert (found.missing, found.unexpected, found.mismatched, found.assumptions) == ((), (), (), ())
    found.raise_for_mismatch()


@pytest.mark.parametrize("prefix", ["model.", "net.", "model.net.", "my_own.deep.name."])
def test_a_prefix_is_taken_off_when_the_model_then_fits(prefix, save):
    found = match(save(renamed(Net().state_dict(), prefix)), Net())
    assert (found.missing, found.unexpected) == ((), ())
    assert found.assumptions == (f"'{prefix}' was taken off the names of the checkpoint's tensors to fit the model.",)


def test_a_prefix_that_the_model_has_stays(save):
    model = nn.ModuleDict({"model": Net()})
    assert match(save(model.state_dict()), model).assumptions == ()


def test_a_prefix_is_added_when_the_model_wraps_the_stored_one(save):
    found = match(save(Net().state_dict()), Wrapped())
    assert found.missing == ()
    assert found.assumptions == ("'inner.' was put before the names of the checkpoint's tensors to fit the model.",)


def test_tensors_beside_the_prefix_are_unexpected(save):
    found = match(save(renamed(Net().state_dict(), "model.") | {"loss.weight": torch.ones(2)}), Net())
    assert found.missing == ()
    assert found.unexpected == ("loss.weight",)


def test_missing_and_unexpected_are_sentences(save):
    state = Net().state_dict()
    del state["fc.weight"], state["fc.bias"]
    checkpoint = save(state | {f"head.{i}": torch.ones(1) for i in range(5)})
    found = match(checkpoint, Net())
    found.raise_for_mismatch()
    assert found.assumptions == (
        f"{checkpoint.file} lacks 2 of the model's tensors, which keep their initial values: fc.weight, fc.bias.",
        f"5 tensors of {checkpoint.file} are not in the model and were not used: head.0, head.1, head.2 and 2 more.",
    )


def test_counters_of_batches_are_not_worth_a_word(save):
    state = Net().state_dict()
    counter = {"other.num_batches_tracked": state.pop("bn.num_batches_tracked")}
    assert match(save(state | counter), Net()).assumptions == ()


def test_other_dtypes_are_a_sentence(save):
    checkpoint = save({name: value.half() for name, value in Net().state_dict().items() if value.is_floating_point()})
    (sentence,) = match(checkpoint, Net()).assumptions
    assert sentence.startswith(f"8 of the model's tensors are float16 in {checkpoint.file} and float32 in the model")
    assert match(checkpoint, Net().half()).assumptions == ()


def test_a_mismatch_names_the_first_and_counts(save):
    checkpoint = save(Net(width=8).state_dict())
    found = match(checkpoint, Net(width=4))
    assert len(found.mismatched) == 2 + 4 + 1  # conv weight and bias, four of the normalization, fc weight
    with pytest.raises(Problem) as caught:
        found.raise_for_mismatch()
    assert str(caught.value) == (
        f"{checkpoint.file} does not fit the model in 7 tensors (conv.weight is 8x3x3x3 in the file, 4x3x3x3 in the "
        "model; conv.bias is 8 in the file, 4 in the model; bn.weight is 8 in the file, 4 in the model and 4 more): "
        "give the checkpoint of this very model"
    )


def test_a_scalar_that_should_be_a_vector(save):
    state = Net().state_dict() | {"conv.bias": torch.tensor(1.0)}
    assert str(match(save(state), Net()).mismatched[0]) == "conv.bias is a scalar in the file, 4 in the model"


def test_nothing_in_common_is_a_problem(save):
    with pytest.raises(Problem, match=r"has none of the model's tensors \(it has x; the model wants conv\.weight"):
        match(save({"x": torch.ones(1)}), Net()).raise_for_mismatch()


def test_tied_weights_are_stored_once(tmp_path):
    save_model(Tied(), tmp_path / "w.safetensors")
    checkpoint = read(tmp_path / "w.safetensors")
    assert len(checkpoint.tensors) == 1
    assert match(checkpoint, Tied()).assumptions == ()


def test_lazy_parameters_take_any_shape(save):
    found = match(save({"weight": torch.ones(2, 9), "bias": torch.ones(2)}), nn.LazyLinear(2))
    assert (found.missing, found.mismatched) == ((), ())


def test_lazy_parameters_are_filled(save):
    net = nn.LazyLinear(2)
    assign(save({"weight": torch.ones(2, 9), "bias": torch.ones(2)}), net)
    assert torch.equal(net.weight, torch.ones(2, 9))


def test_old_spellings_of_torchvision_fit(save):
    class Dense(nn.Module):
        def __init__(self):
            super().__init__()
            self.denselayer1 = nn.ModuleDict({"norm1": nn.BatchNorm2d(3), "conv1": nn.Conv2d(3, 3, 1)})

    state = {name.replace("norm1", "norm.1").replace("conv1", "conv.1"): v for name, v in Dense().state_dict().items()}
    found = match(save(state), Dense())
    assert (found.missing, found.unexpected) == ((), ())
    assert "older torchvision" in found.assumptions[0]


@pytest.mark.parametrize("prefix", ["", "model."])
def test_values_are_assigned(prefix, save):
    state, net = Net().state_dict(), Net()
    net.fc.weight.requires_grad_(False)
    assign(save(renamed(state, prefix)), net)
    assert all(torch.equal(value, state[name]) for name, value in net.state_dict().items())
    assert (net.fc.weight.requires_grad, net.conv.weight.requires_grad) == (False, True)


def test_values_of_another_dtype_are_converted(save):
    net, state = Net(), {name: value.double() for name, value in Net().state_dict().items()}
    assign(save(state), net)
    assert net.conv.weight.dtype is torch.float32
    assert torch.equal(net.conv.weight.double(), state["conv.weight"])


def test_tied_weights_stay_tied(tmp_path):
    stored, tied = Tied(), Tied()
    save_model(stored, tmp_path / "w.safetensors")
    assign(read(tmp_path / "w.safetensors"), tied)
    assert tied.head.weight is tied.embed.weight
    assert torch.equal(tied.head.weight, stored.head.weight)


def test_what_is_missing_keeps_its_value(save):
    net, bias = Net(), torch.full((2,), 9.0)
    before = net.conv.weight.clone()
    assign(save({"fc.bias": bias}), net)
    assert torch.equal(net.fc.bias, bias)
    assert torch.equal(net.conv.weight, before)


def test_a_mismatch_leaves_the_module_alone(save):
    net = Net(width=4)
    before = net.fc.bias.clone()
    with pytest.raises(Problem, match="does not fit"):
        assign(save(Net(width=8).state_dict()), net)
    assert torch.equal(net.fc.bias, before)
