from itertools import chain, combinations
from random import Random
from time import process_time

import pytest

from analyzer.advising.choosing import are_unsound, together
from analyzer.advising.least_harm import least_harm
from analyzer.advising.ranking import Advised
from analyzer.values.advice import Advice, Saving
from analyzer.values.convolution import Identity, Proposal


def option(rule, paths, params, macs, not_beside=()):
    advice = Advice(
        rule=rule,
        name=rule,
        path=paths[0],
        level="note",
        effort="retrain",
        current="",
        proposed="",
        saved=Saving(params, macs),
        bytes_ratio=None,
        bound=None,
        not_beside=not_beside,
    )
    return Advised(advice, Proposal(tuple((path, (Identity(),)) for path in paths)))


def test_two_changes_that_save_enough_for_less_harm_than_the_three_best_by_worth():
    """As in MTCNN's third network: half of the work and of the parameters, by the least harm."""
    options = [
        option("LOW", ["conv2"], 3, 39),
        option("SEP", ["conv2"], 4, 53),
        option("LOW", ["dense"], 38, 1),
        option("RNK", ["dense"], 58, 2),
        option("LOW", ["conv3"], 6, 10),
        option("LOW", ["conv4"], 5, 1),
    ]
    harms = [0.017, 0.087, 0.011, 0.046, 0.088, 0.086]
    assert least_harm(options, harms, Saving(50, 50)) == (options[1], options[3])


def test_a_layer_is_changed_once_and_not_within_a_module_that_is():
    block, inside, outside = option("A", ["block"], 1, 1), option("B", ["block.conv"], 1, 1), option("C", ["x"], 1, 1)
    assert least_harm([block, inside, outside], [0, 0, 9], Saving(2, 2)) in ((block, outside), (inside, outside))


def test_where_nothing_saves_as_much_there_is_none():
    assert least_harm([option("A", ["a"], 1, 1), option("B", ["a"], 1, 1)], [1, 1], Saving(2, 0)) is None


def test_neighbours_that_rely_on_each_other_are_not_both_taken():
    first, second = option("GRP", ["a"], 1, 1, ("b",)), option("GRP", ["b"], 1, 1, ("a",))
    other = option("SEP", ["b"], 1, 1, ("a",))
    assert least_harm([first, second, other], [0, 0, 1], Saving(2, 2)) == (first, other)


@pytest.mark.parametrize("seed", range(12))
def test_no_other_choice_has_less_harm(seed):
    random = Random(seed)
    names = ["a", "b", "c", "d"]
    options = [
        option(
            random.choice("XY"),
            random.sample(names, random.choice((1, 1, 2))),
            random.randint(0, 9),
            random.randint(0, 9),
            (random.choice(names),),
        )
        for _ in range(9)
    ]
    harms = [random.random() for _ in options]
    wanted = Saving(6, 6)

    def is_allowed(chosen):
        paths = [path for item in chosen for path in item.paths]
        pairs = combinations(chosen, 2)
        return len(paths) == len(set(paths)) and not any(are_unsound(*pair) for pair in pairs)

    subsets = chain.from_iterable(combinations(range(9), size) for size in range(5))
    costs = [
        sum(harms[place] for place in places)
        for places in subsets
        if is_allowed([options[place] for place in places])
        and sum(options[place].advice.saved.params for place in places) >= wanted.params
        and sum(options[place].advice.saved.macs for place in places) >= wanted.macs
    ]
    found = least_harm(options, harms, wanted)
    if not costs:
        assert found is None
    else:
        assert sum(harms[options.index(item)] for item in found) == pytest.approx(min(costs), rel=2e-3)
        assert together(found) == found


def test_a_hundred_and_fifty_layers_take_no_longer_than_a_second():
    random = Random(0)
    options = [
        option(f"R{way}", [f"layer{layer}"], random.randint(1, 10**5), random.randint(1, 10**8))
        for layer in range(150)
        for way in range(8)
    ]
    harms = [random.random() for _ in options]
    least_harm(options[:9], harms[:9], Saving(1, 1))  # imports
    started = process_time()
    assert least_harm(options, harms, Saving(3 * 10**6, 3 * 10**9))
    assert process_time() - started < 1.0
