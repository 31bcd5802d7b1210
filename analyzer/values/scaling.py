"""Costs as exact polynomials in the sizes of the inputs, and the sizes at which they hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import lcm, prod

from analyzer.values.counts import Input, Layer, Total
from analyzer.values.errors import Problem


@dataclass(frozen=True, slots=True)
class Dimension:
    """A named size of the inputs, `offset + period · v` for the whole numbers v of a lattice."""

    name: str
    """"batch", "height", "width", "frames", "sequence", or what `--input` calls it."""
    example: int
    """The size in the inputs that were analysed."""
    period: int = 1
    offset: int = 0
    least: int = 0
    """Smallest size for which the formulas are shown to hold."""
    most: int = 0
    """Largest such size."""
    places: tuple[tuple[str, int], ...] = ()
    """The inputs and the axes of theirs that have this size."""
    kind: str = ""
    """What the axis is by rank and data type, "height" say, whatever its name; empty where that is not known."""
    tied: tuple[str, ...] = ()
    """Other names of the same size: what can only change together with it."""

    @property
    def names(self) -> tuple[str, ...]:
        """Its name, and those that are tied to it."""
        return (self.name, *self.tied)

    @property
    def axes(self) -> int:
        """Most axes of one input that have this size: the power of it that recorded sizes may have."""
        inputs = [name for name, _ in self.places]
        return max((inputs.count(name) for name in inputs), default=1)

    def one_of(self, sizes: Mapping[str, int]) -> int:
        """Its size among some by name, the example's where they have none; Problem for tied names that differ."""
        found = {sizes.get(name, self.example) for name in self.names}
        if len(found) > 1:
            given = ", ".join(f"{name}={sizes[name]}" for name in self.names if name in sizes)
            together = "=".join((*self.names, str(max(found))))
            raise Problem(f"{given}: the model lets {' and '.join(self.names)} change only together, as in {together}")
        return found.pop()

    def size(self, step: int) -> int:
        """The size at a point of the lattice."""
        return self.offset + self.period * step

    def step(self, size: int) -> int:
        """The lattice point of a size; Problem for one off the lattice."""
        step, rest = divmod(size - self.offset, self.period)
        if rest:
            near = " and ".join(str(self.size(step + more)) for more in (0, 1) if self.size(step + more) > 0)
            raise Problem(
                f"{self.name}={size} is off the lattice {self.offset} + {self.period}·k; the formulas hold at {near}"
            )
        return step

    def known_step(self, size: int, ends: Sequence[RangeEnd] = ()) -> int:
        """The same; Problem for a size outside the range as well, with the reason why that ends there."""
        step = self.step(size)
        if not self.least <= size <= self.most:
            held = f"the formulas hold from {self.least} to {self.most}"
            above = size > self.most
            reasons = (f", for {end.reason}" for end in ends if (end.name, end.above) == (self.name, above))
            why = next(reasons, "")
            raise Problem(f"{self.name}={size} is outside the range of sizes that were checked; {held}{why}")
        return step


@dataclass(frozen=True, slots=True, order=True)
class Term:
    """A coefficient times a power of each variable, in the order of the dimensions."""

    coefficient: int
    powers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Polynomial:
    """An exact polynomial over the lattice: the sum of its terms over the denominator."""

    terms: tuple[Term, ...] = ()
    """Highest powers first; none of coefficient 0."""
    denominator: int = 1

    @classmethod
    def of(cls, coefficients: Mapping[tuple[int, ...], Fraction | int]) -> Polynomial:
        """From coefficients by powers."""
        found = {powers: Fraction(value) for powers, value in coefficients.items() if value}
        denominator = lcm(*(value.denominator for value in found.values()))
        ordered = sorted(found, key=lambda powers: (-sum(powers), [-power for power in powers]))
        return cls(tuple(Term(int(found[powers] * denominator), powers) for powers in ordered), denominator)

    @property
    def coefficients(self) -> dict[tuple[int, ...], Fraction]:
        """Coefficients by powers."""
        return {term.powers: Fraction(term.coefficient, self.denominator) for term in self.terms}

    def at(self, steps: Sequence[int]) -> int:
        """The value at a point of the lattice."""
        value: int = sum(
            term.coefficient * prod(step**power for step, power in zip(steps, term.powers, strict=True) if power)
            for term in self.terms
        )
        return value // self.denominator

    def degree(self, place: int) -> int:
        """The highest power of one variable."""
        return max((term.powers[place] for term in self.terms), default=0)

    def __add__(self, other: Polynomial) -> Polynomial:
        sums = self.coefficients
        for powers, value in other.coefficients.items():
            sums[powers] = sums.get(powers, Fraction(0)) + value
        return Polynomial.of(sums)

    def __sub__(self, other: Polynomial) -> Polynomial:
        return self + other * -1

    def __mul__(self, other: Polynomial | int) -> Polynomial:
        if isinstance(other, int):
            return Polynomial.of({powers: value * other for powers, value in self.coefficients.items()})
        product: dict[tuple[int, ...], Fraction] = {}
        for one, left in self.coefficients.items():
            for two, right in other.coefficients.items():
                powers = tuple(a + b for a, b in zip(one, two, strict=True))
                product[powers] = product.get(powers, Fraction(0)) + left * right
        return Polynomial.of(product)


Shapes = tuple[tuple[Polynomial, ...], ...]


@dataclass(frozen=True, slots=True)
class LayerScaling:
    """Work of a layer alone, its children's not included, as the rows of the report have it; or of a block, with it."""

    path: str
    kind: str
    calls: int
    macs: Polynomial | None
    """None for what is no polynomial, as the logarithm of a Fourier transform."""
    other_flops: Polynomial | None
    input_shapes: Shapes = ()
    output_shapes: Shapes = ()


@dataclass(frozen=True, slots=True)
class FixedSize:
    """A named size that no formula speaks of, and why."""

    name: str
    size: int
    reason: str


@dataclass(frozen=True, slots=True)
class RangeEnd:
    """Why the formulas hold no further for a size."""

    name: str
    reason: str
    above: bool = True
    """Whether it is for larger sizes that they do not hold."""


@dataclass(frozen=True, slots=True)
class SymbolicShapes:
    """What a second trace, with symbols for sizes, says of the formulas."""

    outcome: str
    """"agrees" with every recorded size, "differs", or "failed"."""
    reason: str = ""
    """The first difference, or why there is no second trace."""
    fixed: tuple[FixedSize, ...] = ()
    """Sizes that torch fixed at the example's."""
    guards: tuple[str, ...] = ()
    """Conditions that torch put on the sizes and that do not hold in all of the range."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """What one forward costs as exact polynomials; parameters do not depend on sizes."""

    dimensions: tuple[Dimension, ...]
    macs: Polynomial | None
    """None where a layer's are no polynomial."""
    other_flops: Polynomial | None
    activation_elements: Polynomial | None
    peak_activation_bytes: tuple[Polynomial, ...]
    """The peak is the largest of these; empty where it is not known as a formula."""
    layers: tuple[LayerScaling, ...]
    """As the rows of the analysis."""
    blocks: tuple[LayerScaling, ...]
    """The modules directly under the model, their children's work included."""
    fixed: tuple[FixedSize, ...] = ()
    ends: tuple[RangeEnd, ...] = ()
    """Why ranges end."""
    peak_absence: str = ""
    """Why there is no formula of the peak."""
    symbolic: SymbolicShapes | None = None
    at_example: Scaling | None = None
    """Where the example lies outside the range: the same with the sizes that do so as the example has them."""

    def point(self, sizes: Mapping[str, int]) -> tuple[Scaling, tuple[int, ...]]:
        """The formulas and the lattice point of sizes by name, those left out as in the example.

        Problem where no formula holds.
        """
        for name, size in sizes.items():
            self.place(name, f"{name}={size}: ")
        whole = {item.name: item.one_of(sizes) for item in self.dimensions}
        special = self.at_example
        if special is not None and all(whole.get(size.name, size.size) == size.size for size in special.fixed):
            return special.point({name: whole[item.name] for item in special.dimensions for name in item.names})
        return self, tuple(item.known_step(whole[item.name], self.ends) for item in self.dimensions)

    def place(self, name: str, where: str = "") -> int:
        """The number of the dimension of this name; Problem, which begins with `where`, for one without formulas."""
        for place, dimension in enumerate(self.dimensions):
            if name in dimension.names:
                return place
        fixed = next((item for item in self.fixed if item.name == name), None)
        if fixed is not None:
            raise Problem(f"{where}the model fixes it at {fixed.size}, for {fixed.reason}")
        named = ", ".join("=".join(dimension.names) for dimension in self.dimensions)
        raise Problem(f"{where}no input has a size of that name; those that can change are {named}")

    def total(self, before: Total, steps: Sequence[int]) -> Total:
        """The totals at a point of the lattice; `before` are those of the example."""
        macs = _value(self.macs, steps)
        return Total(
            params=before.params,
            trainable_params=before.trainable_params,
            buffers=before.buffers,
            param_bytes=before.param_bytes,
            macs=macs,
            flops=None if macs is None else 2 * macs,
            other_flops=_value(self.other_flops, steps),
            activation_elements=_value(self.activation_elements, steps),
            peak_activation_bytes=max((peak.at(steps) for peak in self.peak_activation_bytes), default=None),
        )

    def rows(self, layers: Sequence[Layer], steps: Sequence[int]) -> Iterator[Layer]:
        """The rows of the analysis at a point of the lattice."""
        known = {layer.path: layer for layer in layers}
        for scaled in self.layers:
            yield replace(
                known.get(scaled.path) or Layer(scaled.path, scaled.kind),
                calls=scaled.calls,
                macs=_value(scaled.macs, steps),
                other_flops=_value(scaled.other_flops, steps),
                input_shapes=_shapes_at(scaled.input_shapes, steps),
                output_shapes=_shapes_at(scaled.output_shapes, steps),
            )


def _shapes_at(shapes: Shapes, steps: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(size.at(steps) for size in shape) for shape in shapes)


def _value(polynomial: Polynomial | None, steps: Sequence[int]) -> int | None:
    return None if polynomial is None else polynomial.at(steps)


def resized(inputs: Sequence[Input], dimensions: Sequence[Dimension], sizes: Mapping[str, int]) -> tuple[Input, ...]:
    """The inputs with sizes by the names of dimensions."""
    shapes = {given.name: list(given.shape) for given in inputs}
    for dimension in dimensions:
        for name, axis in dimension.places:
            shapes[name][axis] = dimension.one_of(sizes)
    return tuple(replace(given, shape=tuple(shapes[given.name])) for given in inputs)
