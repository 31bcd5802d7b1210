from dataclasses import replace

import pytest

from analyzer.formats.wording import durations
from analyzer.formats.wording.durations import duration, factor
from analyzer.values.timings import (
    Conditions,
    Latency,
    LayerTiming,
    Noise,
    ProposalTiming,
    TargetTiming,
    TimeRatio,
    Timing,
)

CONDITIONS = Conditions(
    "cpu", "x86_64, AVX2", "float32", 2, ((1, 3, 8, 8),), True, "random", "2.14.1", True, 5.0, 4, 2e-6
)
STEADY = Timing(0.1, 0.002, 0.104, 0.099, 40)
NOISY = replace(STEADY, noise="two interleaved series of the same disagree: 0.10 s and 0.15 s")
LAYERS = tuple(LayerTiming(path, "Conv2d", 1, 100, replace(STEADY, median=s)) for path, s in (("a", 0.3), ("b", 0.1)))


@pytest.mark.parametrize(
    ("noise", "said"),
    [
        (("disagreement", (0.1, 0.15), "seconds"), "two interleaved series of the same disagree: 100 ms and 150 ms"),
        (("disagreement", (0.5, 0.6), "ratio"), "two interleaved series of the same disagree: 0.50 and 0.60"),
        (("spread", (1.25, 2.75), "seconds"), "half of the runs lie between 1.25 s and 2.75 s, the others outside"),
    ],
)
def test_why_a_number_is_not_to_be_trusted(noise, said):
    assert durations.noise_words(Noise(*noise)) == said


def proposal(path, ratio, macs=0.12, noise="", rule="SEP101", more=()):
    measured = TimeRatio(ratio, ratio, ratio, noise)
    return ProposalTiming(rule, "depthwise-separable", (path, *more), macs, STEADY, STEADY, measured)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "unknown"),
        (1.234, "1.23 s"),
        (0.0456, "45.6 ms"),
        (45.6e-6, "45.6 µs"),
        (1e-9, "1 ns"),
        (12345.0, "12300 s"),
    ],
)
def test_duration(seconds, text):
    assert duration(seconds) == text


def test_factor():
    assert [factor(value) for value in (0.125, 2.0, None)] == ["×0.12", "×2.00", "unknown"]


def test_a_steady_timing_is_median_and_spread():
    assert durations.sentence(STEADY) == "100 ms (IQR 2 ms, p95 104 ms, least 99 ms, 40 runs)"


def test_a_noisy_timing_says_so():
    assert durations.sentence(NOISY) == (
        "about 100 ms, but that is too noisy to say: two interleaved series of the same disagree: 0.10 s and 0.15 s"
    )


def test_a_rule_is_one_sentence_from_the_first_layer_to_the_last():
    timed = (proposal("b", 0.16, 0.11), proposal("a", 0.95, 0.14))
    (sentence,) = durations.by_rule(Latency(CONDITIONS, layers=LAYERS, proposals=timed))
    assert sentence == (
        "SEP101 depthwise-separable takes 0.95 of the time in a (for 0.14 of the MACs) "
        "and 0.16 of the time in b (for 0.11 of the MACs)."
    )


def test_where_it_gains_nothing_and_what_noise_hides_is_said():
    timed = (
        proposal("a", 0.98, more=("c", "d")),
        proposal("b", 0.5),
        proposal("e", 0.1, noise="disagree", more=("f",)),
    )
    (sentence,) = durations.by_rule(Latency(CONDITIONS, layers=LAYERS, proposals=timed))
    assert sentence.endswith("; it gains nothing in 3 layers; too noisy to say or not timed in 2 layers.")


def test_a_rule_of_which_nothing_can_be_said():
    (sentence,) = durations.by_rule(Latency(CONDITIONS, proposals=(proposal("a", 0.1, noise="disagree"),)))
    assert sentence == "SEP101 depthwise-separable: too noisy to say or not timed in all of 1 layer."


@pytest.mark.parametrize(
    ("taken", "said"),
    [
        (proposal("a", 0.36, 0.17), "The best advice of all layers together, ×0.17 the MACs, takes ×0.36 the time."),
        (
            proposal("a", 0.36, 0.17, "x"),
            "The best advice of all layers together, ×0.17 the MACs: too noisy to say, x.",
        ),
        (ProposalTiming("", "", ("a",), 0.1, reason="no"), "The best advice together was not timed: no."),
    ],
)
def test_together(taken, said):
    assert list(durations.by_rule(Latency(CONDITIONS, together=taken))) == [said]


def test_shares_are_of_all_layers_in_context_and_noise_has_none():
    latency = Latency(CONDITIONS, layers=LAYERS)
    assert durations.time_share(LAYERS[0].in_context, latency) == "75.0 %"
    assert durations.time_share(NOISY, latency) == ""


def test_conditions_name_everything_that_a_number_depends_on():
    said = " ".join(durations.conditions(Latency(CONDITIONS)))
    for word in ("cpu", "AVX2", "2 threads on 4 cores", "float32", "channels last", "1×3×8×8", "random", "2 µs a call"):
        assert word in said
    assert "Load average 5.00 when it began: other work competed with it." in said
    assert "kept the memory that it freed" in said


def test_a_quiet_machine_is_not_called_busy():
    said = " ".join(durations.conditions(Latency(replace(CONDITIONS, load=0.5, memory_kept=False))))
    assert "Load average 0.50 when it began. " in said
    assert "kept the memory" not in said


def test_the_whole_is_told_for_both_kinds_of_process():
    assert durations.whole(Latency(CONDITIONS)) == ""
    both = durations.whole(Latency(CONDITIONS, model=STEADY, kept=replace(STEADY, median=0.08)))
    assert both.startswith("100 ms (")
    assert "; 80 ms (" in both
    assert both.endswith("where the process keeps the memory that it frees")


def test_several_models_in_turns(analysis):
    targets = (TargetTiming("net", 10, STEADY), TargetTiming("other", 5, STEADY, TimeRatio(0.5, 0.4, 0.6)))
    timed = replace(analysis, latency=Latency(CONDITIONS, comparison=targets))
    first, second = durations.in_turns([timed])
    assert first.startswith("net: 100 ms")
    assert second.endswith(", ×0.50 against net")
    assert list(durations.in_turns([analysis])) == []
