"""Amounts as people write them, to exact integers and back: "5.0M", "98MiB", "2%"."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from math import ceil
from types import MappingProxyType
from typing import Final

BYTES: Final = ("size", "peak-memory")
"""Metrics that are in bytes; all others are counts."""
DECIMAL: Final = MappingProxyType({"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12})
THOUSANDS: Final = MappingProxyType({**DECIMAL, "B": 10**9})
DECIMAL_BYTES: Final = MappingProxyType({**DECIMAL, **{f"{unit}B": size for unit, size in DECIMAL.items()}})
BINARY_BYTES: Final = MappingProxyType({"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40})
COUNTS_ALLOWED: Final = 'a plain integer, or a number with k, M, G (or B) or T, such as "5.0M"'
BYTES_ALLOWED: Final = 'a plain integer of bytes, or a number with kB, MB, GB, KiB, MiB or GiB, such as "98MiB"'
AMOUNTS_ALLOWED: Final = 'a plain integer, or a number with a unit, such as "20k" or "1MiB"'
PERCENT_ALLOWED: Final = 'a percentage, such as "2%" or "0.5%"'

_NUMBER: Final = re.compile(r"\s*(\d[\d_]*(?:\.\d+)?)\s*([A-Za-z%]*)\s*", re.ASCII)


def count(value: object) -> int:
    """Parameters or multiply-accumulates; ValueError when it is not a whole number of them."""
    return _amount(value, THOUSANDS, COUNTS_ALLOWED)


def nbytes(value: object) -> int:
    """Bytes; kB and k are 1000, KiB is 1024; ValueError when it is not a whole number of them."""
    return _amount(value, {**DECIMAL_BYTES, **BINARY_BYTES}, BYTES_ALLOWED)


def amount(value: object) -> int:
    """A count or bytes, whichever it is compared with."""
    return _amount(value, {**THOUSANDS, **DECIMAL_BYTES, **BINARY_BYTES, "B": 1}, AMOUNTS_ALLOWED)


def percent(value: object) -> Fraction:
    """The fraction that "2%" is, exactly; ValueError when there is no percent sign."""
    found = _NUMBER.fullmatch(value) if isinstance(value, str) else None
    if found is None or found[2] != "%":
        raise ValueError(f"{value!r} is not {PERCENT_ALLOWED}")
    return Fraction(found[1]) / 100


def _amount(value: object, units: Mapping[str, int], allowed: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    found = _NUMBER.fullmatch(value) if isinstance(value, str) else None
    unit = _unit(found[2], units) if found else None
    if found is None or unit is None:
        raise ValueError(f"{value!r} is not {allowed}")
    exact = Fraction(found[1]) * unit
    if exact.denominator != 1:
        raise ValueError(f"{value!r} is not a whole number; it takes {allowed}")
    return int(exact)


def _unit(text: str, units: Mapping[str, int]) -> int | None:
    """Upper and lower case count alike, but for "m", which is milli to some."""
    if text == "m":
        return None
    return {name.lower(): size for name, size in units.items()}.get(text.lower())


def written(value: int, *, is_bytes: bool = False) -> str:
    """The shortest text that reads back as exactly this integer: 5250000 is "5.25M", 5250001 stays as it is."""
    names = {**BINARY_BYTES, "kB": 10**3, "MB": 10**6, "GB": 10**9} if is_bytes else DECIMAL
    # Of texts that are equally long the later one, with the larger unit, is the better.
    texts = [str(value)] + [f"{_decimal(value, size)}{name}" for name, size in names.items() if value >= size > 1]
    return min(reversed([text for text in texts if "/" not in text]), key=len)


def _decimal(value: int, size: int) -> str:
    """The quotient with at most three decimals; with a slash in it when it takes more."""
    thousandths = Fraction(value * 1000, size)
    if thousandths.denominator != 1:
        return "/"
    whole, rest = divmod(int(thousandths), 1000)
    return f"{whole}.{rest:03}".rstrip("0").rstrip(".")


def percentage(share: Fraction) -> str:
    """ "2 %" or "0.5 %", with as many decimals as it takes, at most four."""
    return f"{float(share * 100):.4f}".rstrip("0").rstrip(".") + " %"


def headroom(value: int, share: Fraction = Fraction(5, 100)) -> int:
    """The limit to agree on for today's value: 5 % more, rounded up to two significant digits."""
    raised = ceil(value * (1 + share))
    step: int = 10 ** max(len(str(raised)) - 2, 0)
    return -(-raised // step) * step


BITS: Final = MappingProxyType(
    {"float64": 64, "float32": 32, "float16": 16, "bfloat16": 16, "float8": 8, "int8": 8, "int4": 4}
)
"""Bits of one element of each dtype."""


def allowance(share: Fraction, least: int, *, is_bytes: bool) -> str:
    """ "2 %", or "2 % or 20k, whichever is more"."""
    return (
        f"{percentage(share)} or {written(least, is_bytes=is_bytes)}, whichever is more" if least else percentage(share)
    )
