"""Evidence is there for every proposal, says what the rewrite will do, and is bounded in its work."""

import pytest
import torch
from torch import nn

import analyzer
from analyzer.advising import weight_evidence
from analyzer.analysis import study
from analyzer.evidence import CarryingPlan, evidence_of, proposal_evidence
from analyzer.evidence.grouping import best_grouping, best_rows, energies
from analyzer.evidence.low_rank import spectrum
from analyzer.loading import from_module
from analyzer.rewriting import ordered, rewritten
from analyzer.values.advice import Advice, Alternative
from analyzer.values.convolution import Convolution
from analyzer.values.layer_calls import LayerCall
from analyzer.values.notes import note


def trained(seed: int = 0, depth: int = 14) -> nn.Sequential:
    """Dense layers whose weights fall into four groups of shuffled channels, with normalizations that saw data."""
    torch.manual_seed(seed)
    layers: list[nn.Module] = [nn.Conv2d(3, 64, 3, padding=1), nn.ReLU()]
    for _ in range(depth):
        conv, norm = nn.Conv2d(64, 64, 3, padding=1), nn.BatchNorm2d(64)
        mask = torch.kron(torch.eye(4), torch.ones(16, 16))[torch.randperm(64)][:, torch.randperm(64)]
        conv.weight.data *= mask[:, :, None, None] + 0.05
        norm.running_mean.normal_()
        norm.num_batches_tracked += 1
        layers += [conv, norm, nn.ReLU()]
    return nn.Sequential(*layers, nn.Conv2d(64, 10, 1)).eval()


X = torch.zeros(1, 3, 16, 16)


def lossy(model: nn.Module) -> list[Advice]:
    return [advice for advice in analyzer.analyze(model, X).advice if advice.proposed and advice.effort != "none"]


def test_every_proposal_has_evidence_in_python_too():
    found = lossy(trained())
    assert len(found) > 3 * 10
    assert all(advice.evidence and advice.kept is not None for advice in found)
    others = [other for advice in found for other in advice.alternatives]
    activated = [other for other in others if any(call.kind == "ReLU" for call in layers_of(other))]
    assert activated
    assert {other.kept for other in activated} == {None}
    assert all(other.kept is not None for other in others if other not in activated)


def layers_of(other: Alternative) -> tuple[LayerCall, ...]:
    return tuple(call for item in other.replacements for call in item.layers)


def test_linear_layers_have_evidence_that_is_true():
    """A matrix of rank 24 keeps all at rank 24 or more, and 8 of its 24 equal directions at rank 8."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 14 * 14, 64), nn.Linear(64, 128))
    left, right = torch.linalg.qr(torch.randn(128, 24))[0], torch.linalg.qr(torch.randn(64, 24))[0]
    model[4].weight.data = left @ right.T
    (low,) = (advice for advice in lossy(model.eval()) if advice.path == "4")
    assert low.kept == pytest.approx(16 / 24, abs=0.01)
    assert low.evidence.startswith("rank 16 keeps 67 %")


def test_with_little_work_allowed_every_proposal_still_has_some(monkeypatch):
    monkeypatch.setattr(weight_evidence, "WORK", 64 * 64 * 4 * 5)
    found = lossy(trained())
    assert all(advice.kept is not None for advice in found)
    grouped = [advice for advice in found if advice.rule == "GRP101"]
    assert not any(other.kept is not None for advice in grouped for other in advice.alternatives)


def test_weights_that_keep_no_more_than_noise_in_any_layer_say_nothing():
    """A plan for a network without normalization is made by structure until something was learned."""
    torch.manual_seed(0)
    fresh = nn.Sequential(nn.Conv2d(3, 64, 3), nn.ReLU(), nn.Conv2d(64, 64, 3), nn.ReLU(), nn.Conv2d(64, 10, 1)).eval()
    assert {advice.kept for advice in lossy(fresh)} == {None}
    assert analyzer.analyze(fresh, X).plan[0].step == "retrain"


CONV = Convolution(64, 64, (3, 3), (1, 1), (1, 1), (1, 1), input_size=(16, 16))
GROUPED = (Convolution(64, 64, (3, 3), (1, 1), (1, 1), (1, 1), groups=4, input_size=(16, 16)),)


def blocks(energy: torch.Tensor) -> float:
    cells = energy.reshape(4, 16, 4, 16).sum((1, 3))
    return float(cells.diagonal().sum() / cells.sum())


@pytest.mark.parametrize(("inputs", "outputs"), [(True, True), (False, True), (True, False), (False, False)])
def test_groups_keep_what_the_sides_that_can_be_reordered_allow(inputs, outputs):
    weight = trained()[2].weight.detach()
    energy = energies(weight)
    if inputs and outputs:
        expected = best_grouping(weight, 4).kept
    elif outputs:
        expected = blocks(energy[list(best_rows(weight, 4))])
    elif inputs:
        expected = blocks(energy[:, list(best_rows(weight.transpose(0, 1), 4))])
    else:
        expected = blocks(energy)
    found = evidence_of(CONV, GROUPED, weight, plan=CarryingPlan(inputs, outputs))
    assert found.kept == pytest.approx(expected, abs=1e-6)
    assert found.change == note("grouping", groups=4, inputs=inputs, outputs=outputs)


class Added(nn.Module):
    """The outputs of `a` are added to something: they cannot be put in another order, and nor can its inputs."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 64, 1)
        self.a = trained()[2]
        self.head = nn.Conv2d(64, 10, 1)

    def forward(self, x):
        y = self.stem(x).relu()
        return self.head(y + self.a(y))


@pytest.mark.parametrize("make", [Added, lambda: trained(depth=3)], ids=["shared", "free"])
def test_evidence_is_what_the_rewrite_does(make):
    """√(1 - kept) of the weights is how far the rewritten layer's output is on inputs of equal strength."""
    torch.manual_seed(1)
    module = make().eval()
    model = study(from_module(module, (X,), {})).model
    items = [item for item in model.advised if item.advice.rule == "GRP101" and not item.evidence.is_weighted]
    assert items
    for item in items:
        path, (grouped,) = item.proposal.replacements[0]
        renumbered = ordered(module, [item.proposal], model.facts, model.count.trace.inputs)
        new = rewritten(renumbered, [item.proposal]).module.get_submodule(path).weight.detach()
        old = module.get_submodule(path).weight.detach()
        assert float(new.square().sum() / old.square().sum()) == pytest.approx(item.advice.kept, abs=0.01)
        assert grouped.groups > 1


def test_a_model_on_the_meta_device_has_no_evidence():
    with torch.device("meta"):
        module = nn.Sequential(nn.Conv2d(3, 64, 3), nn.Conv2d(64, 64, 3), nn.Conv2d(64, 10, 1))
    advice = analyzer.analyze(module, torch.empty(1, 3, 16, 16, device="meta")).advice
    assert {item.evidence for item in advice} == {None}


def head(outputs, bias=False):
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 14 * 14, outputs, bias)).eval()


def test_a_head_wider_than_a_thousand_outputs_is_asked():
    """As VGG's: of rank 40 and noise."""
    model, random = head(1100), torch.Generator().manual_seed(0)
    low = torch.randn(1100, 40, generator=random) @ torch.randn(40, 8 * 14 * 14, generator=random)
    model[3].weight.data = low + 2 * torch.randn(low.shape, generator=random)
    squares = torch.linalg.svdvals(model[3].weight.detach()).square()
    for advice in (item for item in lossy(model) if item.path == "3"):
        for one in (advice, *advice.alternatives):
            rank = one.replacements[0].layers[0].arguments[1]
            assert one.kept == pytest.approx(float(squares[:rank].sum() / squares.sum()), abs=0.02)


def test_beyond_some_seconds_of_work_matrices_are_not_asked_the_largest_ones_first(monkeypatch):
    monkeypatch.setattr(weight_evidence, "CELLS", 8 * 14 * 14 * 300 + 300 * 200)
    model = nn.Sequential(*head(300), nn.Linear(300, 200), nn.Linear(200, 301)).eval()
    said = {item.path: item.evidence for item in lossy(model)}
    assert set(said) == {"3", "4", "5"}
    assert said["3"] == "structure only: asking the weights would take too long"
    assert "weight energy" in said["4"]


def test_a_weight_is_decomposed_once_for_all_that_is_asked_of_it(monkeypatch):
    asked = []
    monkeypatch.setattr(proposal_evidence, "spectrum", lambda values: asked.append(1) or spectrum(values))
    (advice,) = (item for item in lossy(head(400)) if item.path == "3")
    assert len(advice.alternatives) == 1
    assert all(one.kept is not None or advice.evidence for one in (advice, *advice.alternatives))
    assert len(asked) == 1
