"""The count comes whatever else fails."""

import pytest
import torch
from torch import nn

import analyzer
from analyzer import advising, dataflow
from analyzer import analysis as stages
from analyzer.advising import advisor
from analyzer.loading import from_module, load
from analyzer.tracing.recorder import Recorder
from analyzer.values.requests import AnalysisOptions, ModelRequest
from analyzer.values.results import Analysis

MACS = 16 * 3 * 3 * 3 * 8 * 8


def network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU()).eval()


def analysed() -> Analysis:
    return analyzer.analyze(network(), torch.zeros(1, 3, 8, 8))


def fails(*_: object, **__: object) -> None:
    raise KeyError(-1)


@pytest.mark.usefixtures("users_lose_extras")
@pytest.mark.parametrize(
    ("room", "name", "missing"),
    [
        (stages, "receptive_fields", "receptive fields"),
        (stages, "facts_of", "advice"),
        (stages, "advise_model", "advice"),
        (stages, "_estimates", "estimates"),
        (dataflow, "isolations", "isolated groups"),
        (dataflow, "grids", "gridding of dilations"),
        (dataflow, "restorations", "restored resolutions"),
        (advising, "_answers", "GRP101"),
        (advisor, "proved_together", "savings together"),
    ],
)
def test_an_extra_never_takes_the_count_down(room, name, missing, monkeypatch):
    whole = analysed()
    monkeypatch.setattr(room, name, fails)
    found = analysed()
    assert whole.absences == ()
    assert missing in [absence.what for absence in found.absences]
    assert all("unexpected KeyError: -1" in absence.reason for absence in found.absences)
    assert found.complete
    assert found.total == whole.total
    assert found.total.macs == MACS


def test_a_training_step_that_cannot_be_followed_is_an_absence():
    frozen = network().requires_grad_(False)
    loaded = from_module(frozen, (torch.zeros(1, 3, 8, 8),), {})
    found = stages.study(loaded, AnalysisOptions(training="adam")).analysis
    (absence,) = found.absences
    assert (absence.what, found.total.macs) == ("training step", MACS)
    assert "no output depends on a parameter that requires a gradient" in absence.reason


@pytest.mark.parametrize("name", ["torchvision:resnet18", "torchvision:resnet50", "timm:hrnet_w18_small"])
def test_a_whole_analysis_carries_out_fewer_operators_than_its_trace_has(name, monkeypatch):
    carried_out, original = [], Recorder._add
    monkeypatch.setattr(Recorder, "_add", lambda *given: carried_out.append(1) or original(*given))
    study = stages.study(load(ModelRequest(name)))
    assert study.analysis.together is not None  # so that at least one rewritten model was traced
    assert any(item.inference_only for item in study.analysis.advice)  # and another one, with the exact changes
    assert len(carried_out) < study.analysis.tracing.operators
