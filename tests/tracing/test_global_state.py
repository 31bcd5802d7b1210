"""Random states and switches are given back, also after an error."""

import random
import threading
import warnings

import numpy as np
import pytest
import torch

from analyzer.tracing.global_state import SWITCHES, preserved


def states():
    return (
        [read() for read, _ in SWITCHES],
        random.getstate(),
        torch.get_rng_state().tolist(),
        np.random.get_state()[1].tolist(),
    )


def disturb():
    torch.set_default_dtype(torch.float64)
    torch.set_grad_enabled(False)
    torch.set_float32_matmul_precision("medium")
    random.random()
    torch.rand(3)
    np.random.rand(3)


@pytest.mark.parametrize("error", [None, ValueError])
def test_what_a_forward_changes_is_as_before(error):
    before = states()
    try:
        with preserved():
            disturb()
            if error:
                raise error
    except ValueError:
        pass
    assert states() == before


def test_warnings_of_what_is_only_tried_are_not_shown():
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        with preserved():
            warnings.warn("slow operator", stacklevel=1)
    assert shown == []


def test_fused_paths_are_off_until_the_last_of_several_threads_ends():
    assert torch.backends.mha.get_fastpath_enabled()
    seen, has_begun, may_end = [], threading.Event(), threading.Event()

    def other():
        with preserved():
            has_begun.set()
            may_end.wait()

    with preserved():
        thread = threading.Thread(target=other)
        thread.start()
        has_begun.wait()
        seen.append(torch.backends.mha.get_fastpath_enabled())
    seen.append(torch.backends.mha.get_fastpath_enabled())
    may_end.set()
    thread.join()
    assert (seen, torch.backends.mha.get_fastpath_enabled()) == ([False, False], True)
