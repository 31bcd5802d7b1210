"""What torch refuses of an operator's numbers is refused without running it, and what it takes is not."""

import pytest
import torch

from analyzer.tracing import dtype_refusals as refusals

REAL, WHOLE, HALF = torch.ones(2), torch.ones(2, dtype=torch.int64), torch.ones(2, dtype=torch.float16)
BOOL, COMPLEX = torch.ones(2, dtype=torch.bool), torch.ones(2, dtype=torch.complex64)

REFUSED = {
    "factors of two types": (torch.matmul, refusals.refuse_mixed, (REAL, HALF)),
    "bits of fractions": (torch.bitwise_and, refusals.refuse_fractions, (REAL, WHOLE)),
    "whole numbers to negative powers": (torch.pow, refusals.refuse_negative_power, (WHOLE, -1)),
    "classes that are no numbers": (
        torch.nn.functional.nll_loss,
        refusals.refuse_classes,
        (torch.ones(2, 3), torch.ones(2)),
    ),
    "an index of fractions": (torch.index_select, refusals.refuse_index, (REAL, 0, REAL)),
    "the largest of nothing": (torch.argmax, refusals.refuse_nothing, (torch.ones(0),)),
    "the largest along nothing": (torch.amax, refusals.refuse_nothing, (torch.ones(2, 0), 1)),
    "boundaries of two dimensions": (torch.bucketize, refusals.refuse_boundaries, (REAL, torch.ones(2, 2))),
    "a softmax of whole numbers": (torch.softmax, refusals.refuse_softmax, (WHOLE, 0)),
    "a dimension that is not there": (torch.softmax, refusals.refuse_softmax, (REAL, 1)),
    "complex numbers in order": (torch.sort, refusals.refuse_complex, (COMPLEX,)),
    "an inverse in half precision": (torch.linalg.inv, refusals.refuse_half, (torch.eye(2, dtype=torch.float16),)),
}


@pytest.mark.parametrize(("operator", "refuse", "args"), REFUSED.values(), ids=REFUSED.keys())
def test_what_torch_refuses_is_refused(operator, refuse, args):
    with pytest.raises((RuntimeError, IndexError)):
        operator(*args)
    with pytest.raises((RuntimeError, IndexError)):
        refuse(*args)


TAKEN = {
    "factors of one type": (torch.matmul, refusals.refuse_mixed, (REAL, REAL)),
    "bits of booleans": (torch.bitwise_and, refusals.refuse_fractions, (BOOL, BOOL)),
    "fractions to negative powers": (torch.pow, refusals.refuse_negative_power, (REAL, -1)),
    "an index": (torch.index_select, refusals.refuse_index, (REAL, 0, WHOLE)),
    "the largest of something": (torch.argmax, refusals.refuse_nothing, (REAL,)),
    "the largest along something": (torch.amax, refusals.refuse_nothing, (torch.ones(0, 2), 1)),
    "the last dimension": (torch.softmax, refusals.refuse_softmax, (REAL, -1)),
    "an inverse": (torch.linalg.inv, refusals.refuse_half, (torch.eye(2),)),
}


@pytest.mark.parametrize(("operator", "refuse", "args"), TAKEN.values(), ids=TAKEN.keys())
def test_what_torch_takes_is_not_refused(operator, refuse, args):
    operator(*args)
    refuse(*args)


@pytest.mark.parametrize("other", [0.5, torch.ones(2), torch.ones(2, dtype=torch.complex64)])
def test_what_does_not_fit_is_not_written_in_place(other):
    with pytest.raises(RuntimeError, match="can't be cast"):
        torch.ones(2, dtype=torch.int64).add_(other)
    with pytest.raises(RuntimeError, match="can't be cast"):
        refusals.refuse_result(WHOLE, other)


def test_a_quotient_of_whole_numbers_fits_where_it_is_rounded():
    with pytest.raises(RuntimeError, match="can't be cast"):
        refusals.refuse_quotient(WHOLE, 2)
    refusals.refuse_quotient(WHOLE, 2, rounding_mode="floor")


def test_weights_of_a_norm_may_be_float32_beside_half_precision_only():
    refusals.refuse_norm(HALF, REAL)
    with pytest.raises(RuntimeError, match="mixed dtype"):
        refusals.refuse_norm(torch.ones(2, dtype=torch.float64), REAL)
