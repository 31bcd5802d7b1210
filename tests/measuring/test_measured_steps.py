import pytest

from analyzer.measuring.measured_steps import Step, run_steps


def steps(done, *labels):
    return [Step(label, lambda label=label: done.append(label), weight=2.0) for label in labels]


def test_steps_are_carried_out_in_order_and_told_with_the_time_left(ticking):
    done, said = [], []
    assert run_steps(steps(done, "a", "b", "c"), said.append, "net", ticking(60.0))
    assert done == ["a", "b", "c"]
    # The clock is read at the begin and before each step: 120 s for the first leave 240 s for the other two.
    assert said == [
        "net: timing 1 of 3, a",
        "net: timing 2 of 3, b, about 4 min 00 s left",
        "net: timing 3 of 3, c, about 1 min 30 s left",
    ]


def test_seconds_alone_are_told_without_minutes(ticking):
    said = []
    run_steps(steps([], "a", "b"), said.append, "net", ticking(10.0))
    assert said[1] == "net: timing 2 of 2, b, about 20 s left"


def test_an_interruption_ends_it_and_keeps_what_was_done(ticking):
    done = []

    def interrupted():
        raise KeyboardInterrupt

    listed = [*steps(done, "a"), Step("b", interrupted, 1.0), *steps(done, "c")]
    assert not run_steps(listed, lambda _: None, "net", ticking(1.0))
    assert done == ["a"]


def test_nothing_more_is_begun_after_the_limit(ticking):
    done = []
    # Read before each step: 60 and 120 s are within the limit, 180 s are not.
    assert not run_steps(steps(done, "a", "b", "c"), lambda _: None, "net", ticking(60.0), limit=130.0)
    assert done == ["a", "b"]


def test_other_errors_are_not_swallowed(ticking):
    def failing():
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        run_steps([Step("a", failing, 1.0)], lambda _: None, "net", ticking(1.0))
