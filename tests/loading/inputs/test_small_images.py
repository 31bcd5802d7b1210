"""A model for CIFAR or MNIST is told from one for photographs by its first convolution and its classes."""

import pytest
from torch import nn

from analyzer.loading.inputs.input_guessing import guesses
from analyzer.loading.inputs.small_images import small_images


def net(classes=10, *pooling, channels=3, kernel=3, stride=1, padding=1):
    first = nn.Conv2d(channels, 8, kernel, stride, padding)
    return nn.Sequential(first, nn.ReLU(), *(pooling or [nn.AdaptiveAvgPool2d(1)]), nn.Flatten(), nn.Linear(8, classes))


@pytest.mark.parametrize(
    ("made", "shape"),
    [
        (net(), (3, 32, 32)),
        (net(100), (3, 32, 32)),
        (net(10, nn.AdaptiveAvgPool2d((1, 1))), (3, 32, 32)),
        (net(kernel=5, padding=2), (3, 32, 32)),
        (net(kernel=5, padding="same"), (3, 32, 32)),
        (net(channels=1), (1, 28, 28)),
        (net(47, channels=1), (1, 28, 28)),
    ],
)
def test_a_small_image(made, shape):
    found = small_images(made)
    assert found is not None
    assert found.shape == shape
    assert guesses(made)[0].args[0].shape == (1, *shape)


@pytest.mark.parametrize(
    "made",
    [
        net(1000),
        net(stride=2),
        net(kernel=7, padding=3),
        net(padding=0),
        net(10, nn.AdaptiveAvgPool2d((7, 7))),
        net(channels=4),
        net(100, channels=1),
        nn.Conv2d(3, 10, 3, padding=1),
        nn.Linear(3, 10),
    ],
)
def test_what_may_take_photographs(made):
    assert small_images(made) is None


def test_it_is_said_and_photographs_come_next():
    first, second, *_ = guesses(net(100))
    assert first.assumption == (
        "input 1×3×32×32 float32 was assumed from the first layer, Conv2d `0` and the 100 classes of CIFAR-100 in `4`"
    )
    assert second.args[0].shape == (1, 3, 224, 224)
    assert second.assumption.endswith("; 1×3×32×32 float32 does not fit")
