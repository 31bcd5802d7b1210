"""A small network trained on scikit-learn's digits, once a session."""

from collections.abc import Callable, Iterator
from pathlib import Path
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


@pytest.fixture
def bytes_taken() -> Callable[[Callable[[], object]], int]:
    """How much more than before was resident at most while a function ran, by Linux's own account."""

    def resident(kind: str) -> int:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(kind))

    def taken(function: Callable[[], object]) -> int:
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # the highest so far is forgotten
        before = resident("VmRSS")
        function()
        return resident("VmHWM") - before

    return taken
