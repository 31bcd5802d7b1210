from dataclasses import replace

import pytest

from analyzer.formats.html.embedding import Strings
from analyzer.formats.html.memory_data import MOST_ALIVE, MOST_POINTS, memory_curve
from analyzer.values.estimates import Estimates, HeldTensor, MemoryEstimate, MemoryPoint, Span, TimeEstimate


@pytest.fixture
def estimated(analysis):
    def made(curve, alive=(), peak=0):
        memory = MemoryEstimate(peak, 0, "head", "aten.addmm", 0, (), tuple(curve), alive=tuple(alive))
        return replace(analysis, estimates=Estimates(TimeEstimate("this", "", "float32", Span(0, 0), ()), memory))

    return made


def test_without_an_estimate_there_is_no_curve(analysis, estimated):
    assert memory_curve(analysis, Strings()) is None
    assert memory_curve(estimated([]), Strings()) is None


def test_tensors_and_workspace_add_up_to_the_peak(estimated):
    alive = [HeldTensor(f"layer{number}", "aten.relu", 10) for number in range(MOST_ALIVE + 3)]
    found = memory_curve(estimated([MemoryPoint("head", 200)], alive, 200), Strings())
    assert len(found.alive) == MOST_ALIVE
    assert (found.more, found.rest, found.workspace) == (3, 30, 200 - 15 * 10)


def test_a_long_curve_keeps_its_peaks(estimated):
    curve = [MemoryPoint(f"layer{number}", number % 1000) for number in range(5000)]
    found = memory_curve(estimated(curve), Strings())
    assert len(found.nbytes) <= MOST_POINTS
    assert max(found.nbytes) == 999
    assert found.calls == 5000
