import ast
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.advising import advise, best_per_layer
from analyzer.formats.wording.advice_words import worded
from analyzer.rules import RESTRUCTURINGS, selected
from analyzer.values.advice import Saving
from analyzer.values.estimates import ProposalTime, Span
from analyzer.values.facts import LinearFacts, Norm


def only(code, facts, **given):
    return [worded(each) for each in advise(facts, rules=selected((code,)), **given)]


def test_a_model_with_nothing_to_say_of(layer, model):
    assert advise(model(layer(in_channels=3, out_channels=64))) == ()
    assert advise(model()) == ()


def test_the_textbook_layer(layer, model):
    conv = layer("net.0", in_channels=64, out_channels=128, input_size=300, batch=32, bias=True)
    (advice,) = only("SEP101", model(conv), sources={"net.0": ("model.py", 7)})
    assert advice.current == "nn.Conv2d(64, 128, 3)"
    assert advice.proposed == "nn.Sequential(nn.Conv2d(64, 64, 3, groups=64, bias=False), nn.Conv2d(64, 128, 1))"
    saved = 64 * 128 * 9 - 64 * 9 - 64 * 128
    assert advice.saved == Saving(saved, 32 * 298 * 298 * saved)
    assert (advice.rule, advice.name, advice.level, advice.effort) == (
        "SEP101",
        "depthwise-separable",
        "note",
        "retrain",
    )
    assert (advice.file, advice.line) == ("model.py", 7)
    before = 32 * 64 * 300 * 300 + 32 * 128 * 298 * 298 + 128 * 64 * 9 + 128
    after = before - saved + 2 * 32 * 64 * 298 * 298
    assert advice.bytes_ratio == after / before


def test_where_a_layer_was_written_may_be_unknown(layer, model):
    (advice,) = only("SEP101", model(layer()), sources={"other": ("model.py", 7)})
    assert (advice.file, advice.line) == (None, None)


def test_bound_and_ratio_are_those_of_the_estimated_time(layer, model):
    asked = []

    def timer(rule, path, proposal):
        asked.append(proposal)
        return ProposalTime(rule, path, "memory", Span(1, 2), Span(3, 4), 2.5)

    (item,) = advise(model(layer(padding=1), device="a100"), rules=selected(("GRP101",)), timer=timer)
    assert (item.advice.bound, item.advice.device, item.advice.time_ratio) == ("memory", "a100", 2.5)
    assert item.advice.is_slower
    assert (item.time.rule, item.time.path, asked) == ("GRP101", "conv", [item.proposal, *item.proposal.alternatives])


def test_without_a_device_nothing_is_said_of_time(layer, model):
    (advice,) = only("GRP101", model(layer(padding=1), device="a100"))
    assert (advice.bound, advice.device, advice.time_ratio, advice.is_slower) == (None, "", None, False)


def test_alternatives_are_data_with_exact_savings(layer, model):
    (advice,) = only("GRP101", model(layer(padding=1)))
    saved = 64 * 64 * 9 // 2
    (other,) = advice.alternatives
    assert (other.label, other.saved) == ("2 groups", Saving(saved, saved * 32 * 32))
    (replacement,) = other.replacements
    assert (replacement.path, replacement.code) == ("conv", "nn.Conv2d(64, 64, 3, padding=1, groups=2, bias=False)")
    assert [layer.code for layer in replacement.layers] == [replacement.code]
    assert advice.notes == ()


@pytest.mark.parametrize(("stride", "shown"), [(1, True), (2, True), (3, False)])
def test_an_alternative_that_costs_work_is_left_out(layer, model, stride, shown):
    """Pointwise first takes s² / k² + 1 / in of the work: at stride 3 more than the dense layer."""
    (advice,) = only("SEP101", model(layer(stride=stride)))
    assert any(other.label == "pointwise first" for other in advice.alternatives) is shown


def test_a_fact_has_no_proposal_and_no_saving(layer, model):
    head = LinearFacts("fc", 512, 1000, 513_000, 512_000, 0.9, 0.1)
    (advice,) = only("HED201", model(layer(), params=570_000, macs=1, linears=(head,)))
    assert (advice.proposed, advice.saved, advice.bytes_ratio, advice.bound) == (None, None, None, None)
    assert advice.path == "fc"


def test_the_unselected_stay_silent(layer, model):
    facts = model(layer(bias=True, norm="norm"), norms=(Norm("norm", 64, 128, "conv"),))
    assert {each.advice.rule for each in advise(facts, rules=selected(("BNM",)))} == {"BNM301", "BNM302"}


axis = st.tuples(st.integers(1, 9), st.integers(1, 3), st.integers(0, 4), st.integers(1, 2))


@given(
    channels=st.tuples(st.integers(1, 160), st.integers(1, 160)),
    axes=st.lists(axis, min_size=1, max_size=3),
    bias=st.booleans(),
)
def test_every_restructuring_of_any_convolution_saves_and_keeps_the_shape(layer, model, channels, axes, bias):
    kernel, stride, padding, dilation = zip(*axes, strict=True)
    given = {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation, "input_size": 24}
    facts = model(layer(in_channels=channels[0], out_channels=channels[1], bias=bias, **given))
    found = advise(facts, rules=RESTRUCTURINGS)
    for each in found:
        assert each.advice.saved.params > 0
        assert each.advice.saved.macs > 0
        assert ast.parse(worded(each).proposed)
        assert ast.parse(worded(each).current)
    weighed = [replace(each, advice=replace(each.advice, kept=0.9)) for each in found]
    assert len(best_per_layer(weighed, facts)) == min(len(found), 1)
