"""Axes of inputs are raw until a convolution says which are spatial; tensors that meet share their names."""

from analyzer.dataflow.receptive_field.axis_names import AxisNames
from analyzer.values.graph import Op, Tensor

SHAPE = (1, 3, 8, 8)


def convolution(shape=SHAPE, rank=2):
    weight = Tensor((4, 3, *(3,) * rank), weight="weight")
    return Op("aten.convolution.default", {"input": Tensor(shape), "weight": weight}, (Tensor(shape),))


ADD = Op("aten.add.Tensor", {"self": Tensor(SHAPE), "other": Tensor(SHAPE)}, (Tensor(SHAPE),), tags={"pointwise"})


def test_every_dimension_of_an_input_is_a_raw_axis():
    axes = AxisNames().of_input(SHAPE)
    assert axes.is_raw
    assert len(axes.present) == len(SHAPE)


def test_inputs_of_one_shape_share_their_axes_and_others_do_not():
    names = AxisNames()
    assert names.of_input(SHAPE) == names.of_input(SHAPE)
    assert not names.of_input(SHAPE).present & names.of_input((1, 3, 4, 4)).present


def test_a_convolution_names_the_dimensions_that_it_slides_over():
    names = AxisNames()
    slid = names.shared(convolution(), 0, {0: names.of_input(SHAPE)})[0]
    assert not slid.is_raw
    assert [slid.axis_of(place) for place in range(4)] == [None, None, 0, 1]
    assert names.named(SHAPE) == {2: 0, 3: 1}
    assert names.named((1, 3, 4, 4)) == {}


def test_raw_axes_take_the_names_that_a_convolution_gave_them():
    names = AxisNames()
    raw = names.of_input(SHAPE)
    slid = names.shared(convolution(), 0, {0: raw})[0]
    shared = names.shared(ADD, None, {0: slid, 1: raw})
    assert [shared[1].axis_of(place) for place in range(4)] == [None, None, 0, 1]


def test_an_input_that_was_never_convolved_goes_by_where_it_lies():
    names = AxisNames()
    slid = names.shared(convolution(), 0, {0: names.of_input(SHAPE)})[0]
    mask = names.of_input((8, 8))
    assert [names.like(mask, slid).axis_of(place) for place in (0, 1)] == [0, 1]
    assert names.like(mask, slid, is_aligned=False).present == frozenset()
