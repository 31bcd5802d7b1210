"""Estimated quantities as people read them: ranges of at most two digits, in the unit that fits."""

from __future__ import annotations

from collections.abc import Callable
from math import floor, log10

from analyzer.formats.wording.numbers import size
from analyzer.values.estimates import Estimates, Span

PREFIXES = (("", 1.0), ("m", 1e-3), ("µ", 1e-6), ("n", 1e-9), ("p", 1e-12))


def seconds(value: float) -> str:
    """Two digits at most: 42 ms, 1.3 s."""
    return _scaled(value, "s")


def joules(value: float) -> str:
    """Two digits at most: 83 mJ."""
    return _scaled(value, "J")


def span(values: Span, text: Callable[[float], str]) -> str:
    """Both ends, the unit once where they share it: "42 to 66 ms"."""
    low, high = text(values.low), text(values.high)
    if low == high:
        return low
    number, _, unit = low.partition(" ")
    return f"{number if high.endswith(f' {unit}') else low} to {high}"


def share_of(part: float, whole: float) -> str:
    """Percent without decimals; what is there is never 0 %."""
    if not whole or not part:
        return "0 %"
    percent = round(100 * part / whole)
    return f"{percent} %" if percent else "<1 %"


def _scaled(value: float, unit: str) -> str:
    if value <= 0:
        return f"0 {unit}"
    rounded = _two_digits(value)
    prefix, scale = next((pair for pair in PREFIXES if rounded >= 0.9999 * pair[1]), PREFIXES[-1])
    return f"{_two_digits(rounded / scale):g} {prefix}{unit}"


def _two_digits(value: float) -> float:
    return round(value, 1 - floor(log10(value)))


def headline(estimates: Estimates) -> str:
    """All estimates in one line: "42 to 66 ms on this, 10.6 MiB at the peak, 5.4 to 540 mJ"."""
    parts = [
        f"{span(estimates.time.seconds, seconds)} on {estimates.time.device}",
        f"{size(estimates.memory.peak_bytes)} of activations at the peak",
        f"{span(estimates.energy.span, joules)} an inference" if estimates.energy else "",
    ]
    return "estimated: " + ", ".join(filter(None, parts))
