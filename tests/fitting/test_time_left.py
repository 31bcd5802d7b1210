"""What is left is told by what the steps that are done have taken."""

from analyzer.fitting.time_left import TimeLeft


def test_the_time_left_is_that_of_the_steps_done() -> None:
    now = iter([100.0, 110.0, 400.0])
    left = TimeLeft(5, lambda: next(now))
    assert left.after(0) == ""
    assert left.after(1) == ", about 40 s left"
    assert left.after(2) == ", about 8 min left"
