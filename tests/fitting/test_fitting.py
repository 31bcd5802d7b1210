"""A trained network is fitted to budgets: integers met, accuracy kept, harm predicted, the original untouched."""

import copy
from typing import Any

import pytest
import torch
from torch import nn

import analyzer
from analyzer import Problem


@pytest.fixture(scope="module")
def half(digits: Any, digits_model: nn.Module) -> Any:
    return analyzer.fit(digits_model, digits.images[:512], macs=0.5)


def test_half_the_macs_cost_less_than_a_point_without_training(digits: Any, digits_model: nn.Module, half: Any) -> None:
    before, after = digits.accuracy(digits_model), digits.accuracy(half.model)
    assert before > 0.97
    assert after > before - 0.01


def test_a_new_trace_counts_what_was_promised(digits: Any, half: Any) -> None:
    (budget,) = half.result.budgets
    assert budget.before == 8 * 8 * 9 * (16 + 16 * 32) + 4 * 4 * 9 * (32 * 32 + 32 * 64) + 64 * 10
    assert budget.limit == budget.before // 2
    assert budget.promised == budget.traced <= budget.limit
    assert analyzer.analyze(half.model, digits.images[:1]).total.macs == budget.traced
    assert budget.before - sum(layer.saved_macs for layer in half.choices) == budget.traced


def test_the_harm_is_measured_on_inputs_that_no_weight_saw(half: Any) -> None:
    result = half.result
    assert (result.samples, result.held_out) == (384, 128)
    assert result.measure == "KL divergence"
    assert result.agreement is not None
    assert result.agreement > 0.98
    assert 0 < result.measured_harm < 0.05
    assert result.gap < 1e-3
    assert not result.is_guess


def test_the_trade_off_grows_towards_a_fifth_and_has_a_knee(half: Any) -> None:
    shares = [point.share for point in half.curve]
    harms = [point.harm for point in half.curve]
    assert (shares[0], shares[-1]) == (1.0, 0.2)
    assert harms[0] == 0
    assert harms == sorted(harms)
    assert [point.is_knee for point in half.curve].count(True) == 1
    assert all(point.value <= point.share * half.curve[0].value for point in half.curve)


def test_the_original_is_left_as_it_was(digits: Any, digits_model: nn.Module) -> None:
    model = copy.deepcopy(digits_model).train()
    calls: list[int] = []
    handle = model[0].register_forward_hook(lambda *_: calls.append(1))
    before = copy.deepcopy(model.state_dict())
    state = torch.random.get_rng_state()
    with pytest.raises(Problem):
        analyzer.fit(model, digits.images[:64], macs=1)
    plan = analyzer.fit(model, digits.images[:64], macs=0.9)
    handle.remove()
    assert model.training
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert torch.equal(state, torch.random.get_rng_state())
    assert not model[0]._forward_hooks
    shared = {p.data_ptr() for p in model.state_dict().values()}
    assert not any(value.data_ptr() in shared for value in plan.model.state_dict().values())
    assert not plan.model.training


def test_several_budgets_are_met_at_once(digits: Any, digits_model: nn.Module) -> None:
    plan = analyzer.fit(digits_model, digits.images[:256], macs="60%", params=15_000, size="80kB")
    found = analyzer.analyze(plan.model, digits.images[:1]).total
    assert found.macs is not None
    assert found.macs <= 747136 * 0.6
    assert found.params <= 15_000
    assert found.param_bytes <= 80_000
    assert [budget.traced for budget in plan.result.budgets] == [found.params, found.macs, found.param_bytes]


def test_the_predicted_harm_ranks_real_drops(digits: Any, digits_model: nn.Module) -> None:
    """The 30 changes that harm most, of one layer each; those that drop nothing have no order."""
    from scipy.stats import spearmanr

    from analyzer.fitting.calibration_batches import calibration_of
    from analyzer.fitting.fitter import Fitter
    from analyzer.fitting.networks import sharing_copy
    from analyzer.fitting.reconstruction import reconstructed
    from analyzer.loading import from_module

    loaded = from_module(sharing_copy(digits_model), (digits.images[:1],), {})
    fitter = Fitter(loaded, digits_model, calibration_of(digits_model, digits.images[:512]))
    hardest = [item for item in sorted(fitter.harmed, key=lambda item: item.harm) if item.choice.kind != "grouped"]
    pairs = []
    for item in hardest[-30:]:
        changed, _ = reconstructed(fitter.baseline, [item.choice], lambda _: None)
        pairs.append((item.harm, digits.accuracy(digits_model) - digits.accuracy(changed)))
    assert len(pairs) == 30
    assert spearmanr(*zip(*pairs, strict=True)).statistic >= 0.8


REFUSED = {
    "macs=1%": {"macs": 0.01},
    "no budget": {},
    "a share is above 0": {"macs": 1.5},
    "peak-memory": {"peak_memory": 0.5},
    "is not a plain integer": {"params": "many"},
}


@pytest.mark.parametrize(("said", "budgets"), REFUSED.items(), ids=REFUSED)
def test_a_budget_that_cannot_be_is_refused(
    said: str, budgets: dict[str, Any], digits: Any, digits_model: nn.Module
) -> None:
    with pytest.raises(Problem, match=said):
        analyzer.fit(digits_model, digits.images[:32], **budgets)


def test_what_is_out_of_reach_says_the_least_there_is_and_what_binds(digits: Any, digits_model: nn.Module) -> None:
    with pytest.raises(Problem, match=r"macs=1%: of 747,136 at least [\d,]+ remain, most of it in \d+ and \d+"):
        analyzer.fit(digits_model, digits.images[:32], macs=0.01)


def test_inputs_that_the_model_refuses_name_the_layer(digits_model: nn.Module) -> None:
    with pytest.raises(Problem, match=r"layer `0`.*1×3×8×8"):
        analyzer.fit(digits_model, torch.zeros(8, 3, 8, 8), macs=0.5)


def test_nan_among_the_inputs_is_refused(digits: Any, digits_model: nn.Module) -> None:
    images = digits.images[:32].clone()
    images[3, 0, 2, 2] = torch.nan
    with pytest.raises(Problem, match="NaN or infinite"):
        analyzer.fit(digits_model, images, macs=0.5)


def test_a_model_that_gives_no_tensors_is_refused(digits: Any, digits_model: nn.Module) -> None:
    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = digits_model

        def forward(self, x: torch.Tensor) -> Any:
            return "scores", self.inner(x)

    with pytest.raises(Problem, match="the model gives str"):
        analyzer.fit(Named(), digits.images[:32], macs=0.5)


def test_a_loader_of_pairs_gives_its_inputs_alone(digits: Any, digits_model: nn.Module) -> None:
    pairs = list(zip(digits.images[:128].split(16), digits.labels[:128].split(16), strict=True))
    plan = analyzer.fit(digits_model, pairs, macs=0.8)
    assert (plan.result.samples, plan.result.held_out) == (96, 32)


def test_a_regression_is_judged_by_its_relative_error() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv1d(4, 16, 9, padding=4), nn.ReLU(), nn.Conv1d(16, 8, 5, padding=2)).eval()
    plan = analyzer.fit(model, torch.randn(32, 4, 50), macs=0.7)
    assert plan.result.measure == "relative error"
    assert plan.result.agreement is None
    assert plan.result.budgets[0].traced == plan.result.budgets[0].promised


def test_the_fitted_model_is_exported(digits: Any, half: Any) -> None:
    from analyzer.fitting.exporting import exported
    from analyzer.fitting.networks import Batch

    assert exported(half.model, Batch((digits.images[:1],), {})) == (("torch.export", "ONNX"), ())
    program = torch.export.export(half.model, (digits.images[:1],)).module()
    assert torch.allclose(program(digits.images[:1]), half.model(digits.images[:1]), atol=1e-5)


def test_what_cannot_be_exported_is_said(digits: Any) -> None:
    from analyzer.fitting.exporting import exported
    from analyzer.fitting.networks import Batch

    class Asks(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x if x.sum().item() > 0 else -x

    taken, refused = exported(Asks(), Batch((digits.images[:1],), {}))
    assert taken == ()
    assert [text.partition(" refuses the fitted model: ")[0] for text in refused] == ["torch.export", "ONNX"]


def test_an_interrupt_plans_with_what_was_measured(digits: Any, digits_model: nn.Module) -> None:
    def interrupt(text: str) -> None:
        if "layer 5 of 5" in text:
            raise KeyboardInterrupt

    plan = analyzer.fit(digits_model, digits.images[:64], macs=0.7, progress=interrupt)
    assert plan.result.budgets[0].traced == plan.result.budgets[0].promised
    assert "measuring was stopped after 4 of 5 layers, so the others stay as they are" in plan.result.assumptions
