"""Builds facts by hand, as rules are told them; and does what workers do within this process."""

import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import chdir, redirect_stdout
from dataclasses import fields, replace
from math import prod
from typing import Any, NoReturn

import msgspec
import pytest
from hypothesis import HealthCheck, settings

# Workers of pytest-xdist and the commands that tests start share the processors: more threads only wait for each other.
os.environ["OMP_NUM_THREADS"] = "1"

from analyzer import gating
from analyzer.command.worker import answer
from analyzer.formulas import count
from analyzer.gating import base
from analyzer.gating.channel import Message, Order
from analyzer.gating.workers import Job, Listener, Outcome
from analyzer.values import absences
from analyzer.values.convolution import Convolution
from analyzer.values.errors import Problem
from analyzer.values.facts import ConvolutionFacts, ModelFacts

# A busy machine makes examples slow, which says nothing about what they hold.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")
NAMED = absences.named
FIELDS = {field.name for field in fields(Convolution)}
AXES = {"kernel": 3, "stride": 1, "padding": 0, "dilation": 1, "input_size": 32}


def _convolution(**given: Any) -> Convolution:
    """64 to 64 channels, 3×3 on 32×32, unless given otherwise; one number for an axis is that for all."""
    given = {"in_channels": 64, "out_channels": 64, **AXES, **given}
    dimension = next((len(given[name]) for name in AXES if isinstance(given[name], tuple)), 2)
    spread = {name: (given[name],) * dimension for name in AXES if isinstance(given[name], int)}
    return Convolution(**{**given, **spread})


def _layer(path: str = "conv", **given: Any) -> ConvolutionFacts:
    """One layer: a convolution's fields make its only call, the others are facts about it."""
    conv = _convolution(**{name: value for name, value in given.items() if name in FIELDS})
    others = {name: value for name, value in given.items() if name not in FIELDS}
    others = {"share_of_params": 0.5, "share_of_macs": 0.5, "calls": (conv,), **others}
    positions = conv.input_size if conv.transposed else conv.output_size
    macs = conv.batch * prod(positions) * prod(conv.weight_shape)
    return ConvolutionFacts(path, params=conv.params, macs=macs, **others)


def _model(*layers: ConvolutionFacts, **given: Any) -> ModelFacts:
    """The model of these layers, each with its true shares unless `params` and `macs` are given."""
    if "params" in given:
        return ModelFacts(convolutions={layer.path: layer for layer in layers}, **given)
    params, macs = (sum(getattr(layer, name) for layer in layers) or 1 for name in ("params", "macs"))
    known = [replace(layer, share_of_params=layer.params / params, share_of_macs=layer.macs / macs) for layer in layers]
    return ModelFacts(params, macs, convolutions={layer.path: layer for layer in known}, **given)


@pytest.fixture(scope="session")
def convolution() -> Callable[..., Convolution]:
    return _convolution


@pytest.fixture(scope="session")
def layer() -> Callable[..., ConvolutionFacts]:
    return _layer


@pytest.fixture(scope="session")
def model() -> Callable[..., ModelFacts]:
    return _model


def _raised(_: str, error: Exception) -> NoReturn:
    raise error


def _unequal(sums: list[int], totals: list[int]) -> NoReturn:
    raise AssertionError(f"the rows add up to {sums}, the totals are {totals}")


@pytest.fixture(autouse=True, scope="session")
def nothing_is_left_out() -> Iterator[None]:
    """What users lose without losing the count is a failure here."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(absences, "named", _raised)
        patched.setattr(count, "rows_differ", _unequal)
        yield


@pytest.fixture
def users_lose_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails beside the count is left out and named, as it is for users."""
    monkeypatch.setattr(absences, "named", NAMED)


def run_here(jobs: Sequence[Job], listen: Listener = lambda _: None, at_once: int | None = None) -> list[Outcome]:
    """As `workers.run`, but within this process: nothing is imported twice, and little is waited for."""
    return [_outcome(job, listen) for job in jobs]


def _outcome(job: Job, listen: Listener) -> Outcome:
    """What crosses over to a worker and back is JSON here as well."""
    order = msgspec.json.decode(msgspec.json.encode(Order("", job.request)), type=Order)
    told: list[Message] = []

    def tell(message: Message) -> None:
        told.append(message)
        if not message.is_last:
            listen(message)

    with chdir(job.directory), redirect_stdout(sys.stderr):
        tell(msgspec.json.decode(msgspec.json.encode(answer(order.request, tell)), type=Message))
    last = next(message for message in told if message.is_last)
    return last.analyses if last.problem is None else Problem(last.problem, last.example)


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers do their work within this process."""
    monkeypatch.setattr(gating, "run", run_here)
    monkeypatch.setattr(base, "run", run_here)


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads that other tests left behind do not count."""
    others = [thread for thread in threading.enumerate() if thread is not threading.current_thread()]
    known = threading.enumerate
    monkeypatch.setattr(threading, "enumerate", lambda: [thread for thread in known() if thread not in others])
