from dataclasses import replace

import pytest

from analyzer.advising.ranking import by_measured_gain
from analyzer.values.advice import Advice, Saving
from analyzer.values.timings import Conditions, Latency, ProposalTiming, TimeRatio, Timing

CONDITIONS = Conditions("cpu", "x86_64", "float32", 1, ((1, 3, 8, 8),), False, "random", "2.14")
SECOND = Timing(1.0, 0.0, 1.0, 1.0, 4)


def proposal(rule, paths, before, after, noise=""):
    timings = replace(SECOND, median=before), replace(SECOND, median=after)
    return ProposalTiming(rule, rule, paths, 0.5, *timings, TimeRatio(after / before, 0, 1, noise))


def advice(rule, path, proposed="nn.Identity()"):
    saved = Saving(1, 1) if proposed else None
    return Advice(rule, rule, path, "note", "none", "now", proposed, saved, None, None)


def order(*timed):
    given = [advice("A", "x"), advice("FACT", "f", None), advice("B", "x"), advice("B", "y"), advice("C", "z")]
    sorted_ = by_measured_gain(given, Latency(CONDITIONS, proposals=timed))
    return [f"{item.rule}{item.path}" for item in sorted_]


def test_what_saves_most_time_comes_first():
    assert order(proposal("B", ("x", "y"), 3.0, 1.0), proposal("C", ("z",), 9.0, 1.0)) == [
        *("Cz", "Bx", "By", "Ax", "FACTf")
    ]


def test_what_saves_nothing_comes_after_what_is_not_known_and_facts_last():
    assert order(proposal("A", ("x",), 1.0, 2.0)) == ["Bx", "By", "Cz", "Ax", "FACTf"]


def test_noise_is_no_gain():
    assert order(proposal("C", ("z",), 9.0, 1.0, "too noisy"), proposal("B", ("y",), 2.0, 1.0))[0] == "By"


@pytest.mark.parametrize("latency", [None, Latency(CONDITIONS)])
def test_without_timings_the_order_stays(latency):
    given = (advice("FACT", "f", None), advice("A", "x"))
    assert by_measured_gain(given, latency) == given


def test_a_gain_is_seconds_saved():
    assert proposal("A", ("x",), 3.0, 1.0).gain == 2.0
    assert proposal("A", ("x",), 3.0, 1.0, "too noisy").gain is None
    assert ProposalTiming("A", "a", ("x",), None, reason="not there").gain is None
