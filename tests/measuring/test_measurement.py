from dataclasses import replace

import pytest
import torch
from torch import nn

from analyzer.measuring.benchmark_model import open_benchmark_model
from analyzer.measuring.measurement import Measurement
from analyzer.values.advice import Saving


@pytest.fixture
def session(net, consult, hasty):
    advised_model = consult(net)
    with open_benchmark_model(advised_model, hasty) as benchmark:
        yield Measurement(advised_model, benchmark)


def fakes(monkeypatch, session, **seconds):
    """Everything that is timed takes what is told for the class of its first layer."""

    def sample(run):
        calls = getattr(run, "calls", None)
        name = (
            type(calls[0].layer).__name__ if calls else type(getattr(run, "layer", session.benchmark.module)).__name__
        )
        return lambda: (seconds[name],)

    monkeypatch.setattr(session.benchmark, "sample", sample)


def test_what_tells_most_comes_first(session):
    labels = [step.label for step in session.steps]
    assert labels[:2] == ["the whole model", "the whole model with memory kept"]
    assert labels[2:5] == ["its layers in context", "the best advice together", "its energy"]
    proposals = [label for label in labels[5:] if " at " in label]
    assert labels[5:] == [*proposals, "the model itself", "stem", "norm", "relu", "wide", "head"]


def test_equal_layers_on_equal_shapes_are_timed_once(session, monkeypatch):
    fakes(monkeypatch, session, Conv2d=2.0)
    wide, twin = (next(row for row in session.rows if row.path == path) for path in ("wide", "twin"))
    session.time_alone([wide, twin])
    assert session.alone["wide"].alone == session.alone["twin"].alone
    assert session.alone["wide"].alone.median == 2.0
    assert (session.alone["wide"].alike, session.alone["twin"].alike) == (None, "wide")


@pytest.mark.parametrize(("path", "said"), [("relu", "it overwrites what it reads"), ("", "it has layers inside it")])
def test_what_cannot_be_timed_alone_says_why(session, path, said):
    session.time_alone([row for row in session.rows if row.path == path])
    timed = session.alone[path]
    assert timed.alone is None
    assert timed.reason.startswith(said)


def test_a_layer_whose_forward_is_not_called_as_a_modules_says_so(consult, hasty):
    class Borrowing(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 4)

        def forward(self, given):
            return self.layer.forward(given)

    advised_model = consult(Borrowing().eval(), torch.ones(1, 4))
    with open_benchmark_model(advised_model, hasty) as benchmark:
        session = Measurement(advised_model, benchmark)
        assert session._alone("layer") == (None, "its forward was not called as a module's")


def test_a_proposals_ratios_are_its_time_and_its_macs(session, monkeypatch):
    item = next(item for item in session.advised_model.advised if item.advice.path == "wide" and item.proposal)
    fakes(monkeypatch, session, Conv2d=4.0, Sequential=1.0)
    session.time_proposal([item])
    (timed,) = session.proposals
    assert timed.ratio.median == {"Sequential": 0.25, "Conv2d": 1.0}[kind_after(session, item)]
    layer = 64 * 64 * 9 * 8 * 8
    assert timed.macs_ratio == (layer - item.advice.saved.macs) / layer
    assert timed.gain == timed.before.median - timed.after.median


def kind_after(session, item):
    from analyzer.measuring.submodule_calls import before_and_after, shapes_at

    return type(
        before_and_after(session.benchmark, item.proposal, shapes_at(session.benchmark))[1]["wide"].layer
    ).__name__


def test_what_is_predicted_stands_beside_it(session):
    session.predict = lambda item: (0.1, 0.2)
    item = next(item for item in session.advised_model.advised if item.proposal)
    session.time_proposal([item])
    assert session.proposals[0].predicted == (0.1, 0.2)


def test_a_proposal_that_does_not_run_says_so(session, monkeypatch):
    item = next(item for item in session.advised_model.advised if item.proposal)
    monkeypatch.setattr("analyzer.measuring.measurement.before_and_after", lambda *_: 1 / 0)
    session.time_proposal([item])
    assert session.proposals[0].reason == "the model does not run with it (ZeroDivisionError)"
    assert session.proposals[0].ratio is None


def test_the_best_advice_together_is_a_model_beside_the_model(session, monkeypatch):
    wide = session.benchmark.module.wide
    monkeypatch.setattr(
        session.benchmark, "sample", lambda run: lambda: (4.0 if session.benchmark.module.wide is wide else 1.0,)
    )
    session.time_together()
    assert session.together.ratio.median == 0.25
    assert session.benchmark.module.wide is wide
    total, taken = session.advised_model.count.total.macs, session.advised_model.together
    assert isinstance(taken.saved, Saving)
    assert session.together.macs_ratio == (total - taken.saved.macs) / total


def test_energy_is_unavailable_with_the_reason(session, monkeypatch, tmp_path):
    monkeypatch.setattr("analyzer.measuring.energy_counters.POWERCAP", tmp_path)
    session.read_energy()
    assert session.energy.joules is None
    assert session.energy.source.startswith("this machine offers no energy counters")


def test_every_layer_that_owns_work_is_timed_in_context(session):
    session.time_in_context()
    latency = session.latency(finished=True)
    paths = [layer.path for layer in latency.layers]
    assert paths == ["", "stem", "norm", "relu", "wide", "norm2", "twin", "head"]
    assert all(layer.in_context is not None for layer in latency.layers)
    assert latency.conditions.hooks > 0


def test_nothing_timed_is_nothing_shown(session):
    latency = session.latency(finished=False)
    assert (latency.model, latency.layers, latency.proposals, latency.partial) == (None, (), (), True)


def test_a_class_of_the_users_own_is_like_no_other(session):
    rows = [replace(row, settings="") for row in session.rows]
    session.__dict__["rows"] = tuple(rows)
    assert [len(group) for group in session._alike_layers] == [1] * len(rows)


def test_the_whole_is_timed_as_it_is_and_with_memory_kept(session, monkeypatch):
    monkeypatch.setattr("analyzer.measuring.measurement.is_freed_memory_kept", lambda: False)
    fakes(monkeypatch, session, Net=2.0)
    session.time_model()
    assert session.kept is None
    fakes(monkeypatch, session, Net=1.0)
    session.time_model_kept()
    assert (session.model.median, session.kept.median, session.conditions.memory_kept) == (2.0, 1.0, True)


def test_a_process_that_keeps_memory_already_has_no_other_time(session, monkeypatch):
    monkeypatch.setattr("analyzer.measuring.measurement.is_freed_memory_kept", lambda: True)
    session.time_model()
    assert session.model is None


def test_where_memory_cannot_be_kept_there_is_one_time(session, monkeypatch):
    monkeypatch.setattr("analyzer.measuring.measurement.is_freed_memory_kept", lambda: False)
    monkeypatch.setattr("analyzer.measuring.measurement.keep_freed_memory", lambda: False)
    fakes(monkeypatch, session, Net=2.0)
    session.time_model()
    session.time_model_kept()
    assert (session.model.median, session.kept, session.conditions.memory_kept) == (2.0, None, False)


def test_parallel_branches_are_timed_as_their_module(branches, consult, hasty):
    model = consult(nn.Sequential(branches).eval(), torch.randn(1, 8, 6, 6))
    item = next(item for item in model.advised if item.advice.rule == "PAR301")
    with open_benchmark_model(model, hasty) as benchmark:
        session = Measurement(model, benchmark)
        session.time_proposal([item])
    (found,) = session.proposals
    assert found.reason == ""
    assert found.ratio is not None
    assert found.macs_ratio == 9 / (9 + 1)
