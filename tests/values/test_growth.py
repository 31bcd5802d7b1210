"""Where attention overtakes the layers that are linear in the sequence."""

from fractions import Fraction

from analyzer.values.growth import along, growth_crossovers
from analyzer.values.scaling import Dimension, LayerScaling, Polynomial, Scaling

LINEAR, QUADRATIC = Polynomial.of({(1, 1): 600}), Polynomial.of({(1, 2): 3})


def scaling(*dimensions: Dimension, **layers: Polynomial) -> Scaling:
    rows = tuple(LayerScaling(path, "", 1, macs, Polynomial()) for path, macs in layers.items())
    whole = sum(layers.values(), Polynomial())
    return Scaling(dimensions, whole, Polynomial(), Polynomial(), (), rows, ())


def sized(name: str, period: int = 1, offset: int = 0) -> Dimension:
    return Dimension(name, offset + 4 * period, period, offset, offset + period, offset + 10**6 * period, kind=name)


def test_a_quadratic_part_overtakes_where_it_is_as_large_as_the_linear_one() -> None:
    (found,) = growth_crossovers(scaling(sized("batch"), sized("sequence"), mlp=LINEAR, attention=QUADRATIC))
    assert (found.names, found.size, found.power, found.layers) == (("sequence",), 600 // 3, 2, ("attention",))
    assert found.others == {"batch": 4}


def test_proportional_work_has_no_crossover() -> None:
    assert list(growth_crossovers(scaling(sized("batch"), sized("sequence"), mlp=LINEAR))) == []


def test_height_and_width_grow_together() -> None:
    convolution, attention = Polynomial.of({(1, 1): 100}), Polynomial.of({(2, 2): 1})
    pictures = sized("height", 32), sized("width", 32)
    (found,) = growth_crossovers(scaling(*pictures, conv=convolution, attention=attention))
    assert (found.names, found.size, found.power) == (("height", "width"), 32 * 10, 4)


def test_steps_become_sizes() -> None:
    item = Dimension("height", 75, period=32, offset=11)
    assert along(Polynomial.of({(1,): 64}), [item], ["height"]) == {1: Fraction(2), 0: Fraction(-22)}
