"""A fixed set of random programs and mutated files, which the suite always checks; `make fuzz` goes on from there."""

import pytest
from fuzz.invariants import check_advice, check_counts, check_fields
from fuzz.mutations import check_checkpoint, check_configuration

FOUND = (56, 63, 116, 1_100_416)
"""Seeds that once failed: a convolution behind a ReLU of what does not depend on the input, and a product of such."""
FIELDS_FOUND = (20_229, 1_002_040, 1_104_720)
"""What reads across the seam of a roll, and axes of one position behind a view."""


@pytest.mark.parametrize("seed", sorted({*range(40), *FOUND}))
def test_counts_rows_and_what_stays_behind(seed: int) -> None:
    check_counts(seed)


@pytest.mark.parametrize("seed", range(10))
def test_advice_saves_what_it_promises(seed: int) -> None:
    check_advice(seed)


@pytest.mark.parametrize("seed", [*range(20), *FIELDS_FOUND])
def test_gradients_stay_within_receptive_fields(seed: int) -> None:
    check_fields(seed)


@pytest.mark.parametrize("first", range(0, 200, 50))
def test_mutated_files_are_read_or_refused_in_a_sentence(first: int) -> None:
    for seed in range(first, first + 50):
        check_checkpoint(seed)
        check_configuration(seed)
