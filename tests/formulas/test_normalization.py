import pytest

from analyzer.values.counts import Cost
from analyzer.values.graph import Tensor

X, WEIGHT = Tensor((2, 8, 5)), Tensor((8,))
N = 2 * 8 * 5


@pytest.mark.parametrize(
    ("packet", "arguments", "other"),
    [
        # fvcore/nn/jit_handles.py: batchnorm_flop_jit and norm_flop_counter.
        ("aten.native_batch_norm", {"input": X, "weight": WEIGHT, "training": False}, 2 * N),
        ("aten.native_batch_norm", {"input": X, "weight": None, "training": False}, N),
        ("aten.native_batch_norm", {"input": X, "weight": WEIGHT, "training": True}, 5 * N),
        ("aten.native_batch_norm", {"input": X, "weight": None, "training": True}, 4 * N),
        ("aten._native_batch_norm_legit_no_training", {"input": X, "weight": WEIGHT}, 2 * N),
        ("aten._batch_norm_with_update", {"input": X, "weight": WEIGHT}, 5 * N),
        ("aten.cudnn_batch_norm", {"input": X, "weight": WEIGHT, "training": False}, 2 * N),
        ("aten.native_layer_norm", {"input": X, "weight": Tensor((5,))}, 5 * N),
        ("aten.native_layer_norm", {"input": X, "weight": None}, 4 * N),
        ("aten.native_group_norm", {"input": X, "weight": WEIGHT}, 5 * N),
        ("aten._fused_rms_norm", {"input": X, "weight": Tensor((5,))}, 4 * N),
        ("aten._fused_rms_norm", {"input": X, "weight": None}, 3 * N),
        ("aten.native_layer_norm_backward", {"grad_out": X, "input": X}, 10 * N),
        ("aten._weight_norm_interface", {"v": X, "g": WEIGHT}, 3 * N),
        ("aten._softmax", {"self": X, "dim": 1}, 5 * N),
        ("aten._log_softmax", {"self": X, "dim": 1}, 5 * N),
        ("aten._softmax_backward_data", {"grad_output": X, "output": X}, 4 * N),
    ],
)
def test_flops_per_element(price, packet, arguments, other):
    assert price(packet, arguments, X, WEIGHT, WEIGHT) == Cost(0, other)
