"""A forward is recorded once at each size, and what it does differently is said with its place."""

import pytest
import torch
from torch import nn

from analyzer.formulas.count import Count
from analyzer.loading.loaded_model import Inputs, InputSpec, LoadedModel
from analyzer.scaling.recordings import ForwardFailed, Recordings, written
from analyzer.tracing import trace
from analyzer.values.graph import Trace
from analyzer.values.scaling import Dimension


class Halved(nn.Module):
    """Takes an even number of features."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x).reshape(-1, 2, x.shape[1] // 2 * 4)


def traced(*shape: int) -> Trace:
    return trace(LoadedModel("m", "m", Halved().to("meta"), (Inputs((InputSpec(shape),)),)))


class Recorder:
    """Counts its traces."""

    def __init__(self) -> None:
        self.example, self.traces = Count(traced(1, 6, 4)), 0

    def __call__(self, shapes: dict[str, tuple[int, ...]]) -> Trace:
        self.traces += 1
        return traced(*next(iter(shapes.values())))


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def recordings(recorder: Recorder) -> Recordings:
    name = recorder.example.trace.inputs[0].name
    dimensions = [Dimension("sequence", 6, places=((name, 1),))]
    return Recordings(recorder.example, dimensions, recorder, {"layer": "net.py:7"})


def test_the_example_is_had_already_and_every_size_is_traced_once(recordings: Recordings, recorder: Recorder) -> None:
    recordings.at({"sequence": 6})
    assert recorder.traces == 0
    assert recordings.at({"sequence": 8}) is recordings.at({"sequence": 8})
    assert recorder.traces == 1


def test_totals_are_those_of_the_sizes_that_were_recorded(recordings: Recordings) -> None:
    recordings.at({"sequence": 8})
    found = {sizes["sequence"]: total.macs for sizes, total in recordings.totals(["sequence"])}
    assert found == {6: 6 * 16, 8: 8 * 16}


def test_a_forward_that_fails_is_not_tried_again(recordings: Recordings, recorder: Recorder) -> None:
    for _ in range(2):
        with pytest.raises(ForwardFailed, match=r"^at sequence=7 the forward fails: "):
            recordings.at({"sequence": 7})
    assert recorder.traces == 1


def test_sizes_as_a_user_says_them() -> None:
    assert written({"batch": 8, "height": 512}) == "batch=8, height=512"
