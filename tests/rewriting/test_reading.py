"""The code that advice shows is read back to the units that it came from, and nothing else is read."""

import pytest

from analyzer.rewriting.reading import units_of
from analyzer.values.convolution import BatchNorm, ChannelShuffle, Convolution, Identity, ReLU, Unit, code
from analyzer.values.errors import Problem

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
        (Identity(),),
    ],
)
def test_code_is_read_back(units: tuple[Unit, ...]) -> None:
    assert units_of(code(units)) == units


@pytest.mark.parametrize(
    "text",
    [
        *("", "Conv2d(1, 2, 3)", "os.system('true')", "nn.Conv2d", "nn.Conv2d(open('x'), 2, 3)", "nn.Linear(2, 3)"),
        *("nn.Conv2d(1, 2)", "nn.Conv2d(1, 2, 3, depth=4)", "nn.Conv2d(1, 2, 3); 1", "nn.Sequential(nn.Conv9d(1))"),
    ],
)
def test_other_code_is_refused(text: str) -> None:
    with pytest.raises(Problem, match="not what advice proposes"):
        units_of(text)
