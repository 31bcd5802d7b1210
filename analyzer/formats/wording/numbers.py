"""Integers as people read them: 25.56 M, 97.5 MiB, 12.3 %; what is not known is "unknown", never 0."""

from collections.abc import Callable

UNKNOWN = "unknown"
ITSELF = "the model itself"
"""What a layer without a path is."""
COUNT_UNITS = ("", " k", " M", " G", " T", " P", " E")
BYTE_UNITS = (" B", " KiB", " MiB", " GiB", " TiB", " PiB")


def count(value: int | None) -> str:
    """In thousands, millions, ... with two decimals; exact below a thousand."""
    return UNKNOWN if value is None else _scaled(value, 1000, COUNT_UNITS, decimals=2)


def size(nbytes: int | None) -> str:
    """In KiB, MiB, ... with one decimal; exact below 1024 bytes."""
    return UNKNOWN if nbytes is None else _scaled(nbytes, 1024, BYTE_UNITS, decimals=1)


def exact(value: int | None) -> str:
    """All digits, in groups of three."""
    return UNKNOWN if value is None else f"{value:,}"


def share(part: int | None, whole: int | None) -> str:
    """Percent with one decimal; only nothing is 0 % and only all of it is 100 %."""
    if part is None or whole is None or not whole:
        return UNKNOWN
    if part in (0, whole):
        return "100 %" if part else "0 %"
    permille = _rounded(part * 1000, whole)
    if permille in (0, 1000):
        return ">99.9 %" if permille else "<0.1 %"
    return f"{permille // 10}.{permille % 10} %"


def ratio(value: int | None, base: int | None) -> str:
    """How many times the base, with two decimals."""
    if value is None or base is None or not base:
        return UNKNOWN
    hundredths = _rounded(value * 100, base)
    return "<0.01×" if value and not hundredths else f"{hundredths // 100}.{hundredths % 100:02}×"


def change(difference: int, text: Callable[[int], str] | None = None) -> str:
    """The difference with its sign, all digits unless `text` writes it."""
    return f"{'+' if difference > 0 else ''}{(text or exact)(difference)}"


def growth(value: int | None, base: int | None) -> str:
    """The difference with its sign and in percent of the base; empty when either is unknown."""
    if value is None or base is None:
        return ""
    part = share(abs(value - base), base) if base and value != base else "<"
    # Less than 0.1 % says nothing that the digits do not.
    return change(value - base) if "<" in part else f"{change(value - base)} ({'+' if value > base else '-'}{part})"


def apart(value: int, other: int, text: Callable[[int | None], str]) -> tuple[str, str]:
    """Two numbers as `text` writes them, and exactly where that would make two different ones look alike."""
    if value == other or text(value) != text(other):
        return text(value), text(other)
    unit = " B" if text is size else ""
    return exact(value) + unit, exact(other) + unit


def shape(sizes: tuple[int, ...]) -> str:
    """1×3×224×224; a tensor without dimensions is a scalar."""
    return "×".join(map(str, sizes)) or "scalar"


def shapes(several: tuple[tuple[int, ...], ...], limit: int = 2) -> str:
    """The first few shapes, and how many more there are."""
    rest = [f"+{len(several) - limit}"] if len(several) > limit else []
    return ", ".join([shape(sizes) for sizes in several[:limit]] + rest)


def plural(number: int, noun: str) -> str:
    """ "1 layer", "1,234 layers"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def located(file: str, line: int | None) -> str:
    """ "model.py:7", without a line where none is known."""
    return file if line is None else f"{file}:{line}"


def _rounded(numerator: int, denominator: int) -> int:
    """The quotient rounded half up, in integers so that no size loses a digit."""
    return (2 * numerator + denominator) // (2 * denominator)


def _scaled(value: int, base: int, units: tuple[str, ...], decimals: int) -> str:
    if abs(value) < base:
        return f"{value}{units[0]}"
    sign, magnitude = "-" if value < 0 else "", abs(value)
    step, fraction = 1, 10**decimals
    scaled = _rounded(magnitude * fraction, base)
    # Rounding may reach the next unit: 999,995 is 1.00 M, not 1000.00 k.
    while scaled >= base * fraction and step < len(units) - 1:
        step += 1
        scaled = _rounded(magnitude * fraction, base**step)
    return f"{sign}{scaled // fraction}.{scaled % fraction:0{decimals}}{units[step]}"
