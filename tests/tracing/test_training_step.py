"""What a training step holds, by arithmetic and against what torch saves for real."""

from collections.abc import Iterator

import pytest
import torch
from torch import nn
from torchvision.models import resnet50

from analyzer.loading import from_module
from analyzer.tracing.training_step import NoTrainingStep, follow_step
from analyzer.values.errors import Problem
from analyzer.values.estimates import TrainingFootprint


def footprint(model: nn.Module, image: torch.Tensor, optimizer: str = "sgd") -> TrainingFootprint:
    return follow_step(from_module(model, (image,), {}, None), optimizer).footprint


def mlp() -> nn.Sequential:
    return nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 4))


PARAMS = (8 * 32 + 32 + 32 * 4 + 4) * 4


@pytest.mark.parametrize(
    ("optimizer", "states"),
    [("sgd", 0), ("sgd-momentum", PARAMS), ("adam", 2 * PARAMS + 4 * 4), ("adamw", 2 * PARAMS + 4 * 4)],
)
def test_states_of_optimizers(optimizer: str, states: int) -> None:
    found = footprint(mlp(), torch.zeros(2, 8), optimizer)
    assert (found.weights, found.gradients, found.states) == (PARAMS, PARAMS, states)
    # One piece of memory: ReLU saves its result, which is what the second layer saves as its input.
    assert (found.activations, found.inputs) == (2 * 32 * 4, 2 * 8 * 4)
    assert found.total == 2 * PARAMS + states + 2 * 32 * 4 + 2 * 8 * 4


@pytest.mark.parametrize(("optimizer", "per_parameter"), [(torch.optim.Adam, 2), (torch.optim.AdamW, 2)])
def test_states_are_those_that_torch_keeps(optimizer: type[torch.optim.Optimizer], per_parameter: int) -> None:
    model = mlp()
    model(torch.zeros(2, 8)).sum().backward()
    stepped = optimizer(model.parameters())
    stepped.step()
    kept = sum(t.numel() * t.element_size() for state in stepped.state.values() for t in state.values())
    assert kept == per_parameter * PARAMS + 4 * 4
    assert footprint(mlp(), torch.zeros(2, 8), optimizer.__name__.lower()).states == kept


def test_frozen_parameters_have_neither_gradients_nor_states() -> None:
    model = mlp()
    model[0].requires_grad_(False)
    found = footprint(model, torch.zeros(2, 8), "adam")
    assert found.gradients == (32 * 4 + 4) * 4
    assert found.weights == PARAMS


def models() -> Iterator[tuple[nn.Module, torch.Tensor]]:
    conv = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(True), nn.MaxPool2d(2), nn.Dropout())
    yield conv, torch.rand(2, 3, 16, 16)
    yield nn.TransformerEncoderLayer(16, 2, batch_first=True), torch.rand(2, 5, 16)
    yield (
        nn.Sequential(nn.Conv1d(4, 8, 3), nn.GELU(), nn.GroupNorm(2, 8), nn.Flatten(), nn.Linear(64, 2)),
        torch.rand(1, 4, 10),
    )


@pytest.mark.parametrize(("model", "image"), list(models()), ids=["convolutions", "attention", "one dimension"])
def test_saved_activations_are_those_of_a_real_forward(model: nn.Module, image: torch.Tensor) -> None:
    assert footprint(model, image).activations == really_saved(model.train(), image)


def really_saved(model: nn.Module, image: torch.Tensor) -> int:
    given = {tensor.untyped_storage()._cdata for tensor in (*model.parameters(), *model.buffers(), image)}
    held: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        held[tensor.untyped_storage()._cdata] = tensor.untyped_storage()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        output = model(image)
    assert output.requires_grad
    return sum(storage.nbytes() for key, storage in held.items() if key not in given)


def test_resnet50_against_a_tracked_step() -> None:
    """torch's MemTracker, batch 8: 796.7 MiB at the peak, with 97.5 of weights and 62.9 of gradients so far."""
    with torch.device("meta"):
        found = footprint(resnet50(), torch.empty(8, 3, 224, 224))
    assert found.gradients == 25_557_032 * 4
    assert 796.7 < found.total / 2**20 < 1.1 * 796.7


def test_the_model_is_left_as_it_was() -> None:
    model = nn.Sequential(nn.BatchNorm1d(4), nn.Dropout(), nn.Linear(4, 2)).eval()
    model[1].train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    image = torch.rand(3, 4)
    random = torch.get_rng_state()
    footprint(model, image)
    assert [child.training for child in model] == [False, True, False]
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert torch.equal(random, torch.get_rng_state())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_an_unknown_optimizer_names_the_known_ones() -> None:
    with pytest.raises(Problem, match=r"no optimizer 'lion'; known are sgd, sgd-momentum, adam, adamw"):
        footprint(mlp(), torch.zeros(2, 8), "lion")


def test_a_model_without_a_backward_is_refused() -> None:
    with pytest.raises(NoTrainingStep, match="the step fails on meta tensors: no output depends"):
        footprint(mlp().requires_grad_(False), torch.zeros(2, 8))
