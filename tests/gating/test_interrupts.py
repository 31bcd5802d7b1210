"""Signals become exceptions, wait while held, and leave the process's own handlers as they were."""

import os
import signal
import threading

import pytest

from analyzer.gating.interrupts import Interrupts

pytestmark = pytest.mark.usefixtures("default_signals")


@pytest.mark.parametrize(
    ("number", "expected"),
    [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit), (signal.SIGHUP, SystemExit)],
)
def test_a_signal_is_raised(number: int, expected: type[BaseException]) -> None:
    with pytest.raises(expected) as caught, Interrupts():
        signal.raise_signal(number)
    assert expected is KeyboardInterrupt or caught.value.code == 128 + number


def test_a_signal_waits_for_what_must_not_be_cut() -> None:
    done = []

    def work() -> None:
        with Interrupts() as interrupts, interrupts.held():
            os.kill(os.getpid(), signal.SIGTERM)
            done.append("all of it")

    with pytest.raises(SystemExit):
        work()
    assert done == ["all of it"]


def test_handlers_are_put_back() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with Interrupts():
        assert signal.getsignal(signal.SIGTERM) != before[1]
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_what_is_ignored_stays_ignored(number: int) -> None:
    former = signal.signal(number, signal.SIG_IGN)
    try:
        with Interrupts():
            signal.raise_signal(number)
            assert signal.getsignal(number) is signal.SIG_IGN
    finally:
        signal.signal(number, former)


def test_a_handler_that_python_does_not_know_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that a library in C installed reads as None, which could not be put back."""
    installed = signal.getsignal
    before = installed(signal.SIGTERM)
    monkeypatch.setattr(signal, "getsignal", lambda _: None)
    with Interrupts():
        assert installed(signal.SIGTERM) == before


def test_other_threads_take_no_signals() -> None:
    entered = []

    def work() -> None:
        with Interrupts():
            entered.append(signal.getsignal(signal.SIGTERM))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert entered == [before]
