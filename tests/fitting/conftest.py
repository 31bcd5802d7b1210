"""A small network trained on scikit-learn's digits, once a session."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from digits import Digits, trained
from torch import nn


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Layers this small take longest where threads wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def digits() -> Digits:
    return Digits.load()


@pytest.fixture(scope="session")
def digits_model(digits: Digits) -> nn.Module:
    """About 98 % right."""
    return trained(digits)


@pytest.fixture(scope="session")
def half(digits: Digits, digits_model: nn.Module) -> Any:
    """The network at half its MACs."""
    import analyzer

    return analyzer.fit(digits_model, digits.images[:512], macs=0.5)
