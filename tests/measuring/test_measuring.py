from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from torch import nn

from analyzer.analysis import study
from analyzer.measuring import Settings, measure, side_by_side
from analyzer.values.errors import Problem
from analyzer.values.results import Analysis


def test_a_tiny_model_is_measured_for_real(net, consult, hasty):
    state = deepcopy(net.state_dict())
    advised_model, said = consult(net), []
    latency = measure(advised_model, hasty, said.append)
    assert not latency.partial
    assert 0 < latency.kept.minimum <= latency.kept.median <= latency.kept.p95
    assert {item.rule for item in latency.proposals} == {i.advice.rule for i in advised_model.advised if i.proposal}
    assert all(item.ratio.median > 0 for item in latency.proposals)
    assert {layer.path for layer in latency.layers if layer.alone} == {"stem", "norm", "wide", "norm2", "twin", "head"}
    assert latency.together.ratio is not None
    assert latency.energy is not None
    assert said[1].startswith("Net: timing 1 of")
    assert all(torch.equal(value, net.state_dict()[name]) for name, value in state.items())
    assert dict(net.named_modules())["wide"] is net.wide


def test_an_analysis_with_timings_goes_to_json_and_back(net, consult, hasty):
    advised_model = consult(net)
    analysis = replace(study(advised_model.loaded).analysis, latency=measure(advised_model, hasty))
    assert Analysis.from_json(analysis.to_json()) == analysis


def test_an_interruption_keeps_what_was_measured(net, consult, hasty, monkeypatch):
    monkeypatch.setattr("analyzer.measuring.measurement.is_freed_memory_kept", lambda: False)

    def interrupt(text):
        if "layers in context" in text:
            raise KeyboardInterrupt

    latency = measure(consult(net), hasty, interrupt)
    assert latency.partial
    assert latency.model is not None
    assert (latency.layers, latency.proposals, latency.together) == ((), (), None)


def test_a_device_that_is_not_there_is_refused_before_anything_runs(net, consult, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    said = []
    with pytest.raises(Problem, match="torch finds no CUDA device"):
        measure(consult(net), Settings(device="cuda"), said.append)
    assert said == []


def test_several_models_are_timed_in_turns_as_ratios_against_the_first(net, consult, hasty, monkeypatch):
    seconds = {"Net": 6.0, "Linear": 1.5}
    monkeypatch.setattr(
        "analyzer.measuring.benchmark_model.BenchmarkModel.sample",
        lambda benchmark, run: lambda: (seconds[type(benchmark.module).__name__],),
    )
    other = consult(nn.Linear(4, 2).eval(), torch.ones(1, 4))
    first, second = side_by_side([consult(net), other], hasty)
    assert (first.name, first.timing.median, first.ratio) == ("Net", 6.0, None)
    assert (second.timing.median, second.ratio.median, second.macs) == (1.5, 0.25, 4 * 2)


def test_an_interrupted_comparison_says_nothing(net, consult, hasty, monkeypatch):
    def stop():
        raise KeyboardInterrupt

    monkeypatch.setattr("analyzer.measuring.benchmark_model.BenchmarkModel.sample", lambda benchmark, run: stop)
    assert side_by_side([consult(net)], hasty) == ()
