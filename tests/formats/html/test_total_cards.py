from dataclasses import replace

from analyzer.formats.html.total_cards import bars, cards
from analyzer.values.timings import Conditions, Latency, Timing


def by_title(analysis):
    return {card.title: card for card in cards(analysis)}


def test_every_total_is_there_with_all_its_digits(analysis):
    found = by_title(analysis)
    assert found["Parameters"].exact == "10,714"
    assert found["MACs"].exact == "37,888"
    assert found["Size"].exact == "42,856 B"
    assert found["Peak activations"].short == "8.0 KiB"


def test_an_incomplete_count_is_a_lower_bound(incomplete):
    assert by_title(incomplete)["MACs"].short.startswith("at least ")


def test_a_checkpoint_alone_has_no_work(checkpoint):
    assert by_title(checkpoint)["MACs"].short == "unknown"
    assert "Peak activations" not in by_title(checkpoint)


def test_a_measured_time_stands_beside_the_estimated_one(analysis):
    conditions = Conditions("cpu", "", "float32", 1, ((1, 3),), False, "", "")
    timed = replace(analysis, latency=Latency(conditions, Timing(0.012, 0.001, 0.014, 0.011, 30)))
    found = by_title(timed)["Time, measured"]
    assert (found.short, found.note) == ("12 ms", "IQR 1 ms")


def test_frozen_parameters_are_told(analysis):
    frozen = replace(analysis, total=replace(analysis.total, trainable_params=714))
    assert by_title(frozen)["Parameters"].note == "10.00 k frozen"


def test_a_bar_shows_how_much_of_the_limit_is_used(gated):
    macs, params, stem = bars(gated)
    assert (macs.status, macs.used, macs.width, macs.mark) == ("pass", 95, 95, 100)  # 37,888 of 40,000
    assert (params.status, params.used, params.width) == ("fail", 108, 100)  # 10,714 of 10,000
    assert params.mark == 92
    assert stem.row.match == "stem.*"


def test_without_a_budget_there_is_no_bar(analysis):
    assert bars(analysis) == []
