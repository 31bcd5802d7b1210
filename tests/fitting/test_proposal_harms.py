"""What each suggestion does to the output, measured alone: true, bounded, and by the command in every report."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import analyzer
from analyzer.analysis import study
from analyzer.fitting import proposal_harms as measuring
from analyzer.fitting.calibration_batches import calibration_of
from analyzer.fitting.divergence import distance, outputs_of
from analyzer.fitting.proposal_harms import proposal_harms
from analyzer.loading import from_module
from analyzer.rewriting.carry_out import carry_out
from analyzer.values.convolution import Convolution, Proposal
from analyzer.values.errors import Problem
from analyzer.values.requests import FittingOptions, ModelRequest, RewritingOptions, WorkRequest

WHOLE = Convolution(32, 64, (3, 3), (1, 1), (1, 1), (1, 1), bias=False)


def ranks(*each: int) -> list[Proposal]:
    return [
        Proposal((("9", (Convolution(32, r, (3, 3), (1, 1), (1, 1), (1, 1)), Convolution(r, 64, *POINT))),))
        for r in each
    ]


POINT: Any = ((1, 1), (1, 1), (0, 0), (1, 1))


@pytest.fixture(scope="module")
def studied(digits: Any, digits_model: nn.Module) -> Any:
    return study(from_module(digits_model, (digits.images[:1],), {})).model


def test_the_harm_of_each_alone(digits: Any, digits_model: nn.Module, studied: Any) -> None:
    proposals = [Proposal((("9", (WHOLE,)),)), *ranks(48, 8)]
    inputs = calibration_of(digits_model, digits.images[:64])
    found = proposal_harms(digits_model, inputs, proposals, studied.facts)
    same, mild, harsh = found.harms
    assert same < 1e-9 < mild < harsh
    assert found.measurement.measure == "KL divergence"
    assert (found.measurement.samples, found.measurement.measured, found.measurement.suggestions) == (64, 3, 3)


def test_what_cannot_be_put_in_has_no_harm(digits: Any, digits_model: nn.Module, studied: Any) -> None:
    one, two = (Proposal(((path, (WHOLE,)),)) for path in ("11", "9"))
    inputs = calibration_of(digits_model, digits.images[:8])
    found = proposal_harms(digits_model, inputs, [one, two], studied.facts)
    assert found.harms[0] is None
    assert found.harms[1] is not None
    assert found.measurement.measured == 1


@pytest.mark.parametrize(("path", "groups"), [("9", 4), ("6", 2)])
def test_groups_are_measured_as_saving_would_carry_them(
    digits: Any, digits_model: nn.Module, studied: Any, path: str, groups: int
) -> None:
    """The channels around are renumbered for real there; here weights between groups are zero: the same function."""
    conv = studied.facts.convolutions[path].convolution
    grouped = Proposal(((path, (Convolution(**{**vars_of(conv), "groups": groups}),)),))
    inputs = calibration_of(digits_model, digits.images[:64])
    (harm,) = proposal_harms(digits_model, inputs, [grouped], studied.facts).harms
    carried = carry_out(digits_model, [grouped], studied.facts, studied.count.trace.inputs).module
    batches = (*inputs.held_out, *inputs.batches)
    wanted = outputs_of(digits_model, batches)
    assert harm == pytest.approx(distance(wanted, carried, batches).harm, rel=1e-3)


def vars_of(conv: Convolution) -> dict[str, Any]:
    return {name: getattr(conv, name) for name in conv.__dataclass_fields__}


def test_the_model_stays_as_it_is(digits: Any, digits_model: nn.Module, studied: Any) -> None:
    before = {name: value.clone() for name, value in digits_model.state_dict().items()}
    layers = dict(digits_model.named_modules())
    proposal_harms(digits_model, calibration_of(digits_model, digits.images[:8]), ranks(8), studied.facts)
    assert dict(digits_model.named_modules()) == layers
    assert all(value.equal(before[name]) for name, value in digits_model.state_dict().items())


BOUNDS = {
    "all of it": (3 * 64 * 747_136, 64, 3),
    "fewer samples": (3 * 16 * 747_136, 16, 3),
    "the first ones alone": (2 * 4 * 747_136, 4, 2),
}


@pytest.mark.parametrize(("macs", "samples", "measured"), BOUNDS.values(), ids=BOUNDS.keys())
def test_the_work_is_bounded(
    digits: Any,
    digits_model: nn.Module,
    studied: Any,
    monkeypatch: pytest.MonkeyPatch,
    macs: int,
    samples: int,
    measured: int,
) -> None:
    monkeypatch.setattr(measuring, "MOST_MACS", macs)
    inputs = calibration_of(digits_model, digits.images[:64])
    found = proposal_harms(digits_model, inputs, ranks(48, 16, 8), studied.facts)
    assert (found.measurement.samples, found.measurement.measured) == (samples, measured)
    assert [harm is not None for harm in found.harms] == [True] * measured + [False] * (3 - measured)


NETWORK = """
from torch import nn

def build_model():
    def block(inputs, outputs, stride=1):
        return [nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
    layers = [*block(1, 16), *block(16, 32), *block(32, 32, 2), *block(32, 64)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))
"""


def ordered(folder: Path, digits: Any, model: nn.Module | None, *apply: str) -> Any:
    """The analysis as the command makes it with --calibrate, in this process."""
    from analyzer.command.studies import studied as of_command

    (folder / "net.py").write_text(NETWORK)
    torch.save(digits.images[:64], folder / "images.pt")
    if model is not None:
        torch.save(model.state_dict(), folder / "weights.pth")
    weights = str(folder / "weights.pth") if model else None
    request = ModelRequest(str(folder / "net.py"), ("1x1x8x8",), weights)
    calibrate = FittingOptions(calibrate=str(folder / "images.pt"))
    rewriting = RewritingOptions(apply=apply)
    return next(of_command(WorkRequest((request,), rewriting=rewriting, fitting=calibrate), lambda _: None))


def test_the_command_ranks_advice_by_measured_harm(digits: Any, digits_model: nn.Module, tmp_path: Path) -> None:
    from analyzer.formats.markdown.report import render
    from analyzer.values.results import Analysis

    analysis = ordered(tmp_path, digits, digits_model)
    lossy = [item for item in analysis.advice if item.step == "retrain"]
    assert all(item.harm is not None for item in lossy)
    assert all(other.harm is not None for item in lossy for other in item.alternatives)
    assert not any(item.harm is not None for item in analysis.advice if item.step != "retrain")
    best = [worth(item) for item in lossy if not item.beaten_by]
    assert best == sorted(best, reverse=True)
    assert [bool(item.beaten_by) for item in lossy] == sorted(bool(item.beaten_by) for item in lossy)
    assert analysis.harm_measurement.samples == 64
    assert Analysis.from_json(analysis.to_json()) == analysis
    text = render(analysis)
    assert "on 64 calibration inputs" in text
    assert "|    harm |" in text


def worth(item: Any) -> float:
    return (item.saved.macs / 747_136 + item.saved.params / 33_338) / (item.harm + 0.05)


def test_random_weights_have_no_harm(digits: Any, tmp_path: Path) -> None:
    with pytest.raises(Problem, match="harm of random weights means nothing; give trained ones with --checkpoint"):
        ordered(tmp_path, digits, None)


def test_nothing_is_measured_where_it_is_said_what_to_apply(
    digits: Any, digits_model: nn.Module, tmp_path: Path
) -> None:
    analysis = ordered(tmp_path, digits, digits_model, "LOW101:9")
    assert analysis.harm_measurement is None
    assert {item.harm for item in analysis.advice} == {None}


def test_analyze_measures_harm_on_the_inputs_given() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(16, 64, 3, padding=1), nn.ReLU(), nn.Conv2d(64, 64, 3, padding=1)).train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    found = analyzer.analyze(model, torch.randn(1, 16, 8, 8), calibrate=torch.randn(8, 16, 8, 8))
    assert found.harm_measurement is not None
    assert found.harm_measurement.measured > 0
    assert any(item.harm is not None and item.harm > 0 for item in found.advice)
    assert model.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_analyze_refuses_to_measure_harm_of_random_weights() -> None:
    model = nn.Sequential(nn.Conv2d(16, 64, 3), nn.BatchNorm2d(64)).eval()
    with pytest.raises(analyzer.Problem, match="harm of random weights means nothing"):
        analyzer.analyze(model, torch.randn(1, 16, 8, 8), calibrate=torch.randn(8, 16, 8, 8))
