"""Formulas as people write them: 16,384·B·(5,091·h·w + 125), and on which sizes they hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import gcd

from analyzer.formats.wording.numbers import ITSELF, plural
from analyzer.values.growth import growth_crossovers
from analyzer.values.results import Analysis
from analyzer.values.scaling import Dimension, Polynomial, Scaling, SymbolicShapes, Term

SHORTENED = ("batch", "frames", "height", "width", "sequence", "length")
"""Names that formulas shorten to their first letter."""
RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
MAX_PEAKS = 4


def symbols(dimensions: Sequence[Dimension]) -> list[str]:
    """A variable for each size: in upper case for the size itself, in lower case for what counts its periods.

    A name that the user gave is kept, where that is not in the way of the other sort.
    """
    found: list[str] = []
    for item in dimensions:
        letter = item.name[0] if item.name in SHORTENED else item.name.replace(".", "_")
        whole = (item.period, item.offset) == (1, 0)
        written = letter.upper() if len(letter) == 1 else letter
        counts = letter.lower()
        found.append(written if whole else f"k_{letter}" if counts in found else counts)
    return found


def formula(polynomial: Polynomial | None, names: Sequence[str]) -> str:
    """The polynomial with what its terms have in common before the bracket; "no polynomial" where it is none."""
    if polynomial is None:
        return "no polynomial"
    if not polynomial.terms:
        return "0"
    common = gcd(*(term.coefficient for term in polynomial.terms))
    lowest = [min(powers) for powers in zip(*(term.powers for term in polynomial.terms), strict=True)]
    inner = [_without(term, common, lowest) for term in polynomial.terms]
    outer = Term(common, tuple(lowest))
    sums = _sum(inner, names)
    whole = _term(outer, names) if len(inner) == 1 and inner[0].coefficient == 1 else _product(outer, sums, names)
    return whole if polynomial.denominator == 1 else f"{whole}/{polynomial.denominator}"


def _without(term: Term, common: int, lowest: Sequence[int]) -> Term:
    powers = tuple(power - low for power, low in zip(term.powers, lowest, strict=True))
    return Term(term.coefficient // common, powers)


def _product(outer: Term, sums: str, names: Sequence[str]) -> str:
    factor = _term(outer, names)
    return sums if factor == "1" else f"{factor}·({sums})"


def _sum(terms: Sequence[Term], names: Sequence[str]) -> str:
    first, *rest = terms
    signed = (f" {'-' if term.coefficient < 0 else '+'} {_term(term, names, absolute=True)}" for term in rest)
    return _term(first, names) + "".join(signed)


def _term(term: Term, names: Sequence[str], absolute: bool = False) -> str:
    number = abs(term.coefficient) if absolute else term.coefficient
    powers = [
        name + (str(power).translate(RAISED) if power > 1 else "")
        for name, power in zip(names, term.powers, strict=True)
        if power
    ]
    return "·".join([*([f"{number:,}"] if number != 1 or not powers else []), *powers])


def lattice(item: Dimension, symbol: str) -> str:
    """Of which sizes the formulas speak: "height = 32·h from 32 to 8,192"."""
    if symbol == item.name and not item.tied:
        return f"{symbol} from {item.least:,} to {item.most:,}"
    period = f"{item.period}·" if item.period > 1 else ""
    offset = f"{item.offset} + " if item.offset else ""
    return f"{' = '.join(item.names)} = {offset}{period}{symbol} from {item.least:,} to {item.most:,}"


def lattices(scaling: Scaling) -> list[str]:
    """The same of every size that can change, and which others stay."""
    pairs = zip(scaling.dimensions, symbols(scaling.dimensions), strict=True)
    return [*(lattice(item, symbol) for item, symbol in pairs)]


def rows(scaling: Scaling) -> Iterator[tuple[str, str]]:
    """What has a formula, and the formula."""
    names = symbols(scaling.dimensions)
    yield "MACs", formula(scaling.macs, names)
    yield "FLOPs of MACs, 2 each", formula(scaling.macs and scaling.macs * 2, names)
    yield "Other FLOPs", formula(scaling.other_flops, names)
    yield "Elements of activations", formula(scaling.activation_elements, names)
    if scaling.peak_activation_bytes:
        yield "Peak bytes of activations alone", peak(scaling.peak_activation_bytes, names)


def peak(polynomials: Sequence[Polynomial], names: Sequence[str]) -> str:
    """One formula, or the largest of a few."""
    shown = [formula(one, names) for one in polynomials[:MAX_PEAKS]]
    more = [f"{len(polynomials) - MAX_PEAKS} more"] if len(polynomials) > MAX_PEAKS else []
    return shown[0] if len(polynomials) == 1 else f"the largest of {', '.join([*shown, *more])}"


def remarks(scaling: Scaling) -> Iterator[str]:
    """What stays fixed, where the range ends and why, and what a second trace says."""
    for item in scaling.dimensions:
        if item.tied:
            yield f"{_capital(' and '.join(item.names))} change only together"
    for size in scaling.fixed:
        yield f"{_capital(size.name)} stays {size.size:,}: {size.reason}"
    for end in scaling.ends:
        yield f"The range of {end.name} ends: {end.reason}"
    if scaling.peak_absence:
        yield f"Peak memory has no formula: {scaling.peak_absence}"
    if scaling.at_example is not None:
        stays = ", ".join(f"{size.name}={size.size:,}" for size in scaling.at_example.fixed)
        yield f"With {stays}, as in the example, other formulas hold, with these in the JSON report."
    if scaling.symbolic is not None:
        yield from _second_trace(scaling.symbolic)


def _capital(name: str) -> str:
    return name[:1].upper() + name[1:]


SECOND_TRACE = {
    "agrees": "A second trace, with torch's symbolic shapes, agrees in every size of every operator",
    "differs": "A second trace, with torch's symbolic shapes, does not agree",
    "failed": "There is no second trace, with torch's symbolic shapes",
}


def _second_trace(symbolic: SymbolicShapes) -> Iterator[str]:
    yield ": ".join(filter(None, (SECOND_TRACE[symbolic.outcome], symbolic.reason)))
    for size in symbolic.fixed:
        yield f"Torch's symbolic shapes fix {size.name} at {size.size:,}, which the model does not"
    if symbolic.guards:
        yield f"Torch's symbolic shapes would hold only where {' and '.join(symbolic.guards)}"


def crossovers(analysis: Analysis) -> Iterator[str]:
    """From which size on the quickest growing part of the MACs is the larger one, and which layers it is in."""
    scaling = analysis.scaling
    for found in growth_crossovers(scaling) if scaling else ():
        names = " = ".join(found.names)
        layers = f"{plural(len(found.layers), 'layer')}, the first {found.layers[0] or ITSELF}"
        others = f" at {sizes(found.others)}" if found.others else ""
        yield (
            f"from {names} {found.size:,} on{others}, the part of the MACs that grows with its power {found.power} "
            f"is larger than the rest: {layers}"
        )


def sizes(named: Mapping[str, int]) -> str:
    """ "batch=8, height=512"."""
    return ", ".join(f"{name}={size}" for name, size in named.items())
