"""Advice, facts and estimates judge by one roofline: their tables cannot say different things of one layer."""

import pytest
import torch
from torchvision.models import resnet50, shufflenet_v2_x1_0

from analyzer.analysis import study
from analyzer.formats.markdown.advice_section import section
from analyzer.formats.wording.suggestions import bound
from analyzer.loading import from_module
from analyzer.values.devices import PRESETS, device_for
from analyzer.values.requests import AnalysisOptions
from analyzer.values.results import Analysis

PROFILES = [*(device.name for device in PRESETS), "a100-fp16", "t4-int8", "jetson-orin-nano-fp16"]


def analysis_on(profile: str, build=resnet50, dtype: torch.dtype = torch.float32) -> Analysis:
    with torch.device("meta"):
        module = build().eval().to(dtype)
    loaded = from_module(module, (torch.empty(1, 3, 224, 224, device="meta", dtype=dtype),), {})
    return study(loaded, AnalysisOptions(device=device_for(profile))).analysis


def disagreements(analysis: Analysis) -> list[str]:
    time = analysis.estimates.time
    of_layers = {layer.path: layer.bound for layer in time.layers}
    of_proposals = {(item.rule, item.path): (item.bound, item.ratio) for item in time.proposals}
    found = []
    for advice in analysis.advice:
        told = (advice.bound, advice.time_ratio)
        if advice.saved is not None and of_proposals.get((advice.rule, advice.path), (None, None)) != told:
            found.append(f"{advice.rule} {advice.path}: {told}")
        if advice.rule == "MEM201" and of_layers[advice.path] != "memory":
            found.append(f"{advice.path} is bound by {of_layers[advice.path]}")
    return found


@pytest.mark.parametrize("profile", PROFILES)
def test_on_every_device_advice_says_what_the_estimates_say(profile: str) -> None:
    assert disagreements(analysis_on(profile, shufflenet_v2_x1_0)) == []


def test_resnet50_on_a_card_in_half_precision() -> None:
    """Of its proposals in float16 most are too small for the card: starting their kernels takes longest."""
    analysis = analysis_on("a100-fp16")
    assert disagreements(analysis) == []
    told = [advice.bound for advice in analysis.advice if advice.saved and advice.bound]
    assert len(told) > 80
    assert told.count("memory") < len(told) / 2 < told.count("overhead")
    assert "memory-bound on a100-fp16" not in section(analysis)


def test_a_model_traced_in_half_precision_is_not_halved_twice() -> None:
    full, half = (analysis_on("a100-fp16", resnet50, dtype) for dtype in (torch.float32, torch.float16))
    assert [item.ratio for item in full.estimates.time.proposals] == pytest.approx(
        [item.ratio for item in half.estimates.time.proposals]
    )


def test_the_bound_is_worded_for_the_device() -> None:
    (first, *_) = (advice for advice in analysis_on("laptop-core").advice if advice.saved)
    assert bound(first) == "compute-bound on laptop-core"
