from itertools import chain, cycle, repeat

import pytest

from analyzer.measuring.interleaving import Patience, interleave, ratio_of, timing_of
from analyzer.values.timings import Noise


def blocks(*values):
    """A sample that gives one run a block: these values over and over."""
    endless = cycle(values)
    return lambda: (next(endless),)


def test_things_are_timed_in_turns_after_one_turn_that_only_warms_up(ticking):
    order = []
    samples = [lambda name=name: order.append(name) or (1.0,) for name in "AB"]
    series = interleave(samples, Patience(turns=2, seconds=10), ticking(1.0))
    assert "".join(order) == "AB" + "ABAB"
    assert series == ([(1.0,), (1.0,)], [(1.0,), (1.0,)])


def test_steady_things_stop_after_the_fewest_turns(ticking):
    (series,) = interleave([blocks(1.0)], Patience(turns=4, spread=0.03, seconds=1e9), ticking(1.0))
    assert len(series) == 4


def test_unsteady_things_go_on_until_they_are_steady(ticking):
    # Of n turns four are disturbed. The upper quartile lies at 3/4 (n - 1), counted from 0, and the last undisturbed
    # value at n - 5: from n = 17 on it is undisturbed, and the first even number is 18.
    values = chain([1.0], [3.0, 1.0] * 4, repeat(1.0))
    (series,) = interleave([lambda: (next(values),)], Patience(turns=2, spread=0.03, seconds=1e9), ticking(1.0))
    assert len(series) == 18


def test_what_never_gets_steady_stops_when_its_time_is_up(ticking):
    # The clock moves on by a second when it is read: once at the begin, once each even turn.
    (series,) = interleave([blocks(1.0, 2.0, 4.0, 8.0)], Patience(turns=2, spread=0.01, seconds=5), ticking(1.0))
    assert len(series) == 2 * 5


def test_time_is_allowed_for_each_thing(ticking):
    unsteady = [blocks(1.0, 2.0, 4.0, 8.0) for _ in range(3)]
    series = interleave(unsteady, Patience(turns=2, spread=0.01, seconds=5), ticking(1.0))
    assert [len(one) for one in series] == [2 * 15] * 3


def test_a_timing_is_median_quartiles_and_tail_of_all_runs():
    timing = timing_of([(100.0, 101.0), (102.0, 103.0), (104.0,)])
    assert (timing.median, timing.minimum, timing.runs) == (102.0, 100.0, 5)
    assert timing.iqr == 103.0 - 101.0
    assert timing.p95 == 104.0
    assert timing.noise == ""


@pytest.mark.parametrize(
    ("series", "noise"),
    [
        ([(1.0,), (1.09,)] * 4, None),
        ([(1.0,), (1.12,)] * 4, Noise("disagreement", (1.0, 1.12), "seconds")),
        ([(1.12,), (1.0,)] * 4, Noise("disagreement", (1.12, 1.0), "seconds")),
        ([(1.0, 1.0, 1.0, 1.0, 9.0), (9.0, 1.0, 1.0, 1.0, 1.0)] * 4, None),
        ([(1.0,), (1.0,), (2.0,), (2.0,), (3.0,), (3.0,)], Noise("spread", (1.25, 2.75), "seconds")),
    ],
)
def test_noise_is_found(series, noise):
    found = []
    assert bool(timing_of(series, lambda noise: found.append(noise) or "noisy").noise) == bool(noise)
    assert found == ([noise] if noise else [])


def test_a_single_turn_is_a_timing_without_a_spread():
    timing = timing_of([(2.0,)])
    assert (timing.median, timing.iqr, timing.p95, timing.runs, timing.noise) == (2.0, 0.0, 2.0, 1, "")


def test_a_ratio_is_taken_turn_by_turn_so_that_a_machine_that_slows_down_does_not_matter():
    base = [(1.0,), (2.0,), (4.0,), (8.0,)]
    ratio = ratio_of([(0.5,), (1.0,), (2.0,), (4.0,)], base)
    assert (ratio.median, ratio.low, ratio.high, ratio.noise) == (0.5, 0.5, 0.5, "")
    assert timing_of(base).noise != ""


def test_a_ratio_whose_halves_disagree_is_too_noisy():
    halves = [(0.5,), (0.6,)] * 4
    noise = Noise("disagreement", (0.5, 0.6), "ratio")
    assert ratio_of(halves, [(1.0,)] * 8, lambda found: str(found == noise)).noise == "True"
    assert ratio_of(halves, [(1.0,)] * 8).noise == "disagreement"
