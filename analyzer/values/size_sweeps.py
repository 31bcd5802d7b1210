"""Sizes of the inputs as people write them: "batch=1,8,64", "height=width=160:640:32"."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product

from analyzer.values.counts import Total
from analyzer.values.errors import Problem

ALLOWED = "write it like batch=1,8,64 or height=width=160:640:32"
MOST_POINTS = 10_000


@dataclass(frozen=True, slots=True)
class SizedTotal:
    """The totals at some sizes of the inputs, as formulas give them."""

    total: Total
    sizes: dict[str, int] = field(default_factory=dict, hash=False)


def points_of(texts: tuple[str, ...], option: str = "--at") -> tuple[dict[str, int], ...]:
    """Every combination of the sizes in the texts, the first changing slowest; Problem for what is none.

    Names that are joined by "=" change together; "160:640:32" is 160, 192 and so on, 640 included.
    """
    axes = [axis for text in texts for axis in _axes(text, option)]
    names = [name for names, _ in axes for name in names]
    if repeated := next((name for name in names if names.count(name) > 1), None):
        raise Problem(f"{option}: {repeated} is given {names.count(repeated)} times; give each size once")
    number = 1
    for _, sizes in axes:
        number *= len(sizes)
    if number > MOST_POINTS:
        raise Problem(f"{option}: these are {number:,} combinations of sizes; {MOST_POINTS:,} are the most")
    combinations = product(*(sizes for _, sizes in axes))
    return tuple(
        {name: size for (names, _), size in zip(axes, chosen, strict=True) for name in names}
        for chosen in combinations
        if axes
    )


def _axes(text: str, option: str) -> list[tuple[list[str], list[int]]]:
    """The names that change together and their sizes; a comma before a name begins the next."""
    axes: list[tuple[list[str], list[int]]] = []
    for part in text.split(","):
        *names, sizes = (piece.strip() for piece in part.split("="))
        if names:
            axes.append((names, []))
        if not axes or not all(names):
            raise Problem(f"{option} {text}: {ALLOWED}")
        axes[-1][1].extend(_sizes(sizes, text, option))
    return axes


def _sizes(text: str, whole: str, option: str) -> range:
    numbers = text.split(":")
    if len(numbers) > 3 or not all(number.isascii() and number.isdecimal() and int(number) for number in numbers):
        raise Problem(f"{option} {whole}: {text!r} is not a positive size or a range of some; {ALLOWED}")
    start, *rest = map(int, numbers)
    end = rest[0] if rest else start
    if end < start:
        raise Problem(f"{option} {whole}: the range {text} is empty; {ALLOWED}")
    return range(start, end + 1, rest[1] if len(rest) > 1 else 1)
