"""A model run from one of its layers on gives what it gives whole, and is run whole where it cannot be."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from analyzer.fitting.divergence import tensors
from analyzer.fitting.networks import Batch, swapped
from analyzer.fitting.resuming import Begun, Resumer, can_resume


class Block(nn.Module):
    """What it is given is read again after two layers, and written into."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.three = (nn.Conv2d(4, 4, 3, padding=1) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        x = self.one(x)
        y = self.two(torch.relu(x))
        x[:, :2] += y[:, 2:]  # a view of what is still in use
        x.mul_(2)
        return x + self.three(y) if float(y.mean()) > -100 else y


class Products(nn.Module):
    """Linear layers, whose weights are read transposed: views of parameters are no copies."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(8, 16), nn.Linear(16, 8)
        self.lookup = nn.Embedding(5, 8)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        first, second = (self.lookup(x) + torch.rand(8)).chunk(2)
        return self.two(self.one(first)), second


MODELS: dict[str, tuple[Callable[[], nn.Module], Tensor, tuple[str, ...]]] = {
    "written into": (Block, torch.randn(2, 4, 6, 6), ("one", "two", "three")),
    "normalized": (
        lambda: nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.Conv2d(8, 8, 1)),
        torch.randn(2, 3, 9, 9),
        ("0", "3"),
    ),
}


def setup(name: str) -> tuple[nn.Module, Batch, tuple[str, ...]]:
    torch.manual_seed(0)
    make, inputs, paths = MODELS[name]
    return make().eval(), Batch((inputs,), {}), paths


@pytest.mark.parametrize("name", MODELS)
def test_from_each_layer_on_the_output_is_the_same(name: str) -> None:
    model, batch, paths = setup(name)
    wanted = batch.through(model)
    resumer = Resumer(model, [batch])
    for path in paths:
        (run,) = resumer.at(path)
        for _ in range(2):  # a run leaves nothing behind for the next
            assert torch.equal(run.through(model), wanted)
    assert can_resume(model, paths, batch, [wanted])


@pytest.mark.parametrize("name", MODELS)
def test_another_layer_does_as_in_a_whole_run(name: str) -> None:
    model, batch, paths = setup(name)
    (run,) = Resumer(model, [batch]).at(paths[-1])
    old = model.get_submodule(paths[-1])
    other = nn.Sequential(nn.Conv2d(old.in_channels, 2, 1), nn.Conv2d(2, old.out_channels, 1))  # type: ignore[arg-type]
    with swapped(model, paths[-1], other):
        assert torch.equal(run.through(model), batch.through(model))


def test_layers_before_are_not_run_again() -> None:
    model, batch, _ = setup("normalized")
    (run,) = Resumer(model, [batch]).at("3")
    with torch.no_grad():
        model[0].weight.zero_()  # type: ignore[index, operator, union-attr]
    assert not torch.equal(run.through(model), batch.through(model))


def test_parameters_are_not_copied_and_random_numbers_stay_the_same() -> None:
    torch.manual_seed(0)
    model, batch = Products().eval(), Batch((torch.tensor([[1, 2], [0, 4]]).flatten(),), {})
    (run,) = Resumer(model, [batch]).at("two")
    assert isinstance(run, Begun)
    halves, hidden = 4 * 8, 2 * 16
    assert run.point.nbytes == 4 * (halves + hidden)
    first, second = run.through(model), run.through(model)
    assert all(torch.equal(one, two) for one, two in zip(first, second, strict=True))


def test_a_layer_that_comes_earlier_or_never_is_reached_from_the_beginning() -> None:
    model, batch, _ = setup("written into")
    model.add_module("unused", nn.Conv2d(4, 4, 1))
    wanted = batch.through(model)
    resumer = Resumer(model, [batch])
    resumer.at("three")
    for path in ("one", "unused"):
        (run,) = resumer.at(path)
        assert torch.equal(run.through(model), wanted)


def test_what_leaves_torch_is_run_whole() -> None:
    class Outside(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1)

        def forward(self, x: Tensor) -> Tensor:
            scale = float(self.one(x).numpy().mean())
            return self.two(scale * torch.ones(1, 4, 2, 2) if scale > -1e6 else x)

    torch.manual_seed(0)
    model, batch = Outside().eval(), Batch((torch.randn(2, 3, 4, 4),), {})
    wanted = tensors(batch.through(model))
    assert not can_resume(model, ("one", "two"), batch, wanted)


@pytest.mark.parametrize("batches", range(4))
def test_as_many_batches_are_kept_as_fit(batches: int) -> None:
    model, batch, paths = setup("normalized")
    size = 4 * 2 * 8 * 7 * 7  # what layer 3 reads
    resumer = Resumer(model, [batch] * 3, room=batches * size)
    for path in paths:
        runs = resumer.at(path)
        kept = [run.point.nbytes for run in runs if isinstance(run, Begun)]
        assert sum(kept) <= batches * size
        assert all(torch.equal(run.through(model), batch.through(model)) for run in runs)
    assert kept == [size] * batches + [0] * (3 - batches)
