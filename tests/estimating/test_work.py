"""Bytes and classes of operators, eager and fused, by arithmetic."""

from collections.abc import Callable

import pytest
from torch import Tensor, nn

from analyzer.estimating.work import OperatorWork, eager_work, fused_work
from analyzer.formulas.count import Count

Counted = Callable[..., Count]
IN, OUT, WEIGHT = 16 * 40 * 40 * 4, 32 * 40 * 40 * 4, (32 * 16 * 9 + 32) * 4


def moved(works: tuple[OperatorWork, ...]) -> dict[str, int]:
    found: dict[str, int] = {}
    for work in works:
        found[work.layer] = found.get(work.layer, 0) + work.nbytes
    return found


def block() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU())


def test_what_follows_a_convolution_alone_is_fused_to_it(counted: Counted) -> None:
    bytes_of = moved(fused_work(counted(block(), 1, 16, 40, 40)))
    assert bytes_of == {"0": IN + WEIGHT + OUT, "1": 4 * 32 * 4, "2": 0}


def test_eager_work_reads_and_writes_at_every_operator(counted: Counted) -> None:
    bytes_of = moved(eager_work(counted(block(), 1, 16, 40, 40)))
    # oneDNN copies everything there and back.
    assert bytes_of["0"] == 3 * (IN + WEIGHT + OUT)
    assert bytes_of["2"] == 2 * OUT


class Twice(nn.Module):
    """A convolution's output with two readers."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(16, 16, 3, padding=1, bias=False)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        return self.relu(y) + y


def test_an_output_with_two_readers_is_not_fused(counted: Counted) -> None:
    bytes_of = moved(fused_work(counted(Twice(), 1, 16, 40, 40)))
    assert bytes_of["relu"] == 2 * IN
    assert bytes_of[""] == 3 * IN


class Residual(nn.Module):
    """A sum with what came before."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(16, 16, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x) + x


def test_a_fused_sum_still_reads_its_other_operand(counted: Counted) -> None:
    assert moved(fused_work(counted(Residual(), 1, 16, 40, 40)))[""] == IN


def test_pooling_is_never_fused(counted: Counted) -> None:
    model = nn.Sequential(nn.Conv2d(16, 16, 3, padding=1, bias=False), nn.AvgPool2d(2))
    assert moved(fused_work(counted(model, 1, 16, 40, 40)))["1"] == IN + IN // 4


@pytest.mark.parametrize(
    ("layer", "kind"),
    [
        (nn.Conv2d(16, 32, 3), "convolution"),
        (nn.Conv2d(16, 32, 1), "pointwise"),
        (nn.Conv2d(16, 16, 3, groups=16), "depthwise"),
        (nn.Conv2d(16, 32, 3, groups=4), "grouped"),
        (nn.BatchNorm2d(16), "normalization"),
        (nn.ReLU(), "elementwise"),
        (nn.SiLU(), "transcendental"),
        (nn.MaxPool2d(2), "maximum pool"),
        (nn.AdaptiveAvgPool2d(1), "average pool"),
        (nn.Flatten(), "view"),
        (nn.Linear(40, 3), "linear"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_classes(counted: Counted, layer: nn.Module, kind: str) -> None:
    works = eager_work(counted(layer, 1, 16, 40, 40))
    assert kind in {work.kind for work in works}


def test_small_and_first_convolutions_have_classes_of_their_own(counted: Counted) -> None:
    assert eager_work(counted(nn.Conv2d(16, 16, 3), 1, 16, 10, 10))[0].kind == "unfolded"
    assert eager_work(counted(nn.Conv2d(3, 16, 3), 1, 3, 100, 100))[0].kind == "stem"


def test_work_is_what_was_counted(counted: Counted) -> None:
    work = fused_work(counted(block(), 1, 16, 40, 40))[0]
    assert work.macs == 32 * 16 * 9 * 40 * 40
    assert work.flops == 2 * work.macs
