import pytest

from analyzer.formulas import kind_of
from analyzer.values.counts import Cost
from analyzer.values.graph import Op, Tensor

X = Tensor((4, 5))


@pytest.mark.parametrize(
    "packet",
    [
        "aten.clone",
        "aten.copy_",
        "aten._to_copy",
        "aten.cat",
        "aten.stack",
        "aten.constant_pad_nd",
        "aten.reflection_pad2d",
        "aten.roll",
        "aten.flip",
        "aten.embedding",
        "aten.index",
        "aten.gather",
        "aten.index_select",
        "aten.masked_select",
        "aten.im2col",
        "aten.pixel_shuffle",
        "aten.tril",
        "aten.repeat",
        "aten.arange",
        "aten.full_like",
        "aten.fill_",
        "aten.zero_",
        "aten.bernoulli_",
        "aten.rand",
        "aten.view",
        "aten.split",
        "aten.permute",
        "aten.upsample_nearest2d",
        "aten._local_scalar_dense",
        "aten.nonzero",
        "aten.lift_fresh_copy",
        "aten._pack_padded_sequence",
        "quantized.linear_prepack",
        "_c10d_functional.all_reduce",
        "prims.convert_element_type",
    ],
)
def test_moving_data_is_free(price, packet):
    assert price(packet, {"self": X}, X) == Cost()
    assert kind_of(Op(f"{packet}.default", {"self": X}, (X,))) == "free"


def test_scatter_adds_only_when_told_to(price):
    arguments = {"self": X, "dim": 0, "index": Tensor((2, 5)), "src": X}
    assert price("aten.scatter", arguments, X) == Cost()
    assert price("aten.scatter", arguments | {"reduce": "add"}, X) == Cost(0, 2 * 5)
