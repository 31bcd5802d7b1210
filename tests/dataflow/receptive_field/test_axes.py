"""Dimensions as factors of the input's axes, and what is read along each axis when tensors meet."""

from fractions import Fraction

from analyzer.dataflow.receptive_field.axes import Axes, Factor, Reach, broadcast, plain, size_of, together
from analyzer.dataflow.receptive_field.window import IDENTITY, taps


def image(height: int = 6, width: int = 8, **reach: Reach) -> Axes:
    """(1, 4, height, width), whose last dimensions follow axes 0 and 1."""
    dimensions = ((Factor(None, 1),), (Factor(None, 4),), (Factor(0, height),), (Factor(1, width),))
    return Axes(dimensions, {0: Reach(IDENTITY), 1: reach.get("along", Reach(IDENTITY))})


def test_a_dimension_has_the_size_of_its_factors_together():
    assert size_of((Factor(0, 6), Factor(None, 8))) == 6 * 8


def test_a_window_follows_what_was_read_before():
    seen = Reach(taps(3, 2, 1)).seen_through(taps(3, 1, 1))
    # 3 + (3 - 1) * 2 positions, 2 apart
    assert (seen.window.size, seen.window.jump) == (7, Fraction(2))


def test_of_what_is_read_whole_only_the_jump_goes_on():
    seen = Reach(IDENTITY).globally().seen_through(taps(3, 2, 1))
    assert (seen.whole, seen.window.size, seen.window.jump) == (True, 1, Fraction(2))


def test_positions_that_are_summed_over_are_all_read_and_no_dimension_follows_them_any_more():
    summed = image().contracted([2])
    assert (summed.reach[0].whole, summed.reach[1].whole) == (True, False)
    assert summed.present == {1}


def test_a_window_along_a_dimension_without_an_axis_reads_no_axis():
    before = image()
    assert before.windowed(1, taps(3, 1, 1), 4).reach == before.reach


def test_repeated_positions_are_a_stretched_axis():
    twice = image().with_dimension(2, (Factor(0, 6), Factor(None, 2)))
    stretched = twice.resolved(2)
    assert stretched.dimensions[2] == (Factor(0, 12),)
    assert stretched.reach[0].window.jump == Fraction(1, 2)


def test_positions_that_are_not_known_are_all_read():
    chosen = image().selected(3, 5)
    assert chosen.reach[1].whole
    assert chosen.dimensions[3] == (Factor(1, 5),)


def test_a_sum_of_two_branches_reads_the_larger_field_aligned_only_where_their_centres_agree():
    plain_branch, wide = image(), image(along=Reach(taps(3, 1, 1)))
    assert broadcast([plain_branch, wide], (1, 4, 6, 8)).reach[1] == Reach(taps(3, 1, 1), aligned=True)
    shifted = image(along=Reach(taps(3, 1, 0)))
    assert not broadcast([plain_branch, shifted], (1, 4, 6, 8)).reach[1].aligned


def test_a_vector_that_is_repeated_over_an_image_leaves_its_axes():
    bias = Axes(plain((4, 1, 1)), {})
    assert broadcast([image(), bias], (1, 4, 6, 8)) == image()


def test_an_axis_that_two_dimensions_follow_is_read_whole():
    outer = (*plain((1, 4)), (Factor(0, 6),), (Factor(0, 6),))
    assert together([image()], outer).reach[0].whole


def test_axes_without_a_new_name_are_forgotten():
    renamed = image().renamed({0: 5})
    assert renamed.dimensions[2:] == ((Factor(5, 6),), (Factor(None, 8),))
    assert renamed.reach.keys() == {5}
