"""A unit as the call of its constructor is read back to the unit that it came from, and nothing else is read."""

import msgspec
import pytest

from analyzer.values.convolution import BatchNorm, ChannelShuffle, Convolution, Identity, Linear, ReLU, Unit
from analyzer.values.errors import Problem
from analyzer.values.layer_calls import LayerCall, call_of, code, unit_of

CONV = Convolution(8, 16, (3, 3), (2, 2), (1, 1), (1, 1), groups=4, bias=True)


@pytest.mark.parametrize(
    "units",
    [
        (CONV,),
        (Convolution(4, 6, (9,), (1,), (8,), (2,)),),
        (Convolution(4, 6, (1, 3, 3), (1, 1, 1), (0, 1, 1), (1, 1, 1), bias=True),),
        (Convolution(4, 6, (3, 2), (2, 2), (1, 0), (1, 1), transposed=True, output_padding=(1, 0)),),
        (CONV, ChannelShuffle(4)),
        (CONV, BatchNorm(16, 2), ReLU(), CONV),
        (Linear(64, 8, bias=False), Linear(8, 10)),
        (Identity(),),
    ],
)
def test_calls_are_read_back_from_json(units: tuple[Unit, ...]) -> None:
    text = msgspec.json.encode([call_of(unit) for unit in units])
    assert tuple(map(unit_of, msgspec.json.decode(text, type=list[LayerCall]))) == units


def test_calls_are_short_in_json() -> None:
    written = b'{"kind":"Conv2d","arguments":[8,16,3],"options":{"stride":2,"padding":1,"groups":4}}'
    assert msgspec.json.encode(call_of(CONV)) == written
    assert code((CONV,)) == "nn.Conv2d(8, 16, 3, stride=2, padding=1, groups=4)"
    assert code((CONV, ReLU())) == f"nn.Sequential({code((CONV,))}, nn.ReLU())"


@pytest.mark.parametrize(
    "call",
    [
        LayerCall("system", ()),
        LayerCall("Conv2d", (1, 2)),
        LayerCall("Conv9d", (1, 2, 3)),
        LayerCall("Conv2d", (1, 2, 3), {"depth": 4}),
        LayerCall("BatchNorm2d", ()),
        LayerCall("Identity", (1,)),
        LayerCall("", ()),
    ],
)
def test_other_layers_are_refused(call: LayerCall) -> None:
    with pytest.raises(Problem, match="not what advice proposes"):
        unit_of(call)
