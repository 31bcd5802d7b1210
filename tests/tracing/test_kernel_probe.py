"""A kernel is asked once for each combination of data types, and random states are left alone."""

from unittest.mock import patch

import pytest
import torch

from analyzer.tracing import kernel_probe
from analyzer.tracing.kernel_probe import LARGEST, SIDE, refuse_data_types

aten = torch.ops.aten


def without_values(*shape, dtype):
    return torch.empty(shape, dtype=dtype, device="meta")


def test_what_has_no_kernel_is_refused_in_torchs_words():
    with pytest.raises(RuntimeError, match="not implemented for 'Int'"):
        refuse_data_types(aten.softplus.default, (without_values(2, 3, dtype=torch.int32),), {})


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_floating_numbers_of_32_bits_and_more_are_not_asked_about(dtype):
    with patch.object(kernel_probe, "_answer", side_effect=AssertionError):
        refuse_data_types(aten.linalg_cholesky_ex.default, (without_values(2, 2, dtype=dtype),), {})


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("size", [4, 64])
def test_half_precision_is_taken_and_refused_as_the_kernels_do(dtype, size):
    volume = without_values(1, size, size, size, dtype=dtype)
    with pytest.raises(RuntimeError, match="not implemented for"):
        refuse_data_types(aten.avg_pool3d.default, (volume, [2, 2, 2]), {})
    with pytest.raises(RuntimeError, match="not implemented for"):
        refuse_data_types(aten._cdist_forward.default, (volume[0], volume[0], 2.0, None), {})
    for taken, *given in (
        (aten.max_pool3d_with_indices.default, [2, 2, 2]),
        (aten.convolution.default, volume, None, [1] * 1, [0], [1], False, [0], 1),
        (aten.gelu.default,),
    ):
        refuse_data_types(taken, (volume, *given), {})


def test_large_tensors_are_not_made():
    kernel_probe._answers.clear()
    large = without_values(LARGEST + 1, dtype=torch.int32)
    with patch.object(torch, "zeros", side_effect=torch.zeros) as zeros, pytest.raises(RuntimeError):
        refuse_data_types(aten.softplus.default, (large,), {})
    assert [call.args[0] for call in zeros.mock_calls] == [[SIDE]]


def test_what_two_tensors_are_broadcast_to_is_not_made_either():
    kernel_probe._answers.clear()
    column, row = (without_values(*size, dtype=torch.int64) for size in ((LARGEST, 1), (1, LARGEST)))
    with patch.object(torch, "zeros", side_effect=torch.zeros) as zeros:
        refuse_data_types(aten.lt.Tensor, (column, row), {})
    assert [call.args[0] for call in zeros.mock_calls] == [[SIDE, 1], [1, SIDE]]


def test_errors_of_the_zeros_are_no_refusals():
    numbers = without_values(2, dtype=torch.int64)
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        torch.ones(2, dtype=torch.int64) // torch.zeros(2, dtype=torch.int64)
    refuse_data_types(aten.floor_divide.default, (numbers, numbers), {})


def test_a_kernel_is_asked_once_and_draws_nothing():
    kernel_probe._answers.clear()
    x, state = without_values(2, 3, dtype=torch.int64), torch.get_rng_state()
    refuse_data_types(aten.random.default, (x,), {})
    with patch.object(kernel_probe, "_answer", side_effect=AssertionError):
        refuse_data_types(aten.random.default, (x,), {})
    assert torch.equal(torch.get_rng_state(), state)
