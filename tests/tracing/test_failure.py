"""A failed forward is told in one sentence."""

import pytest
import torch
from torch import nn

from analyzer.loading.loaded_model import Inputs, InputSpec, LoadedModel
from analyzer.tracing.failure import Failure, explain

GIVEN = Inputs((InputSpec((2, 6)),))
ASSUMED = Inputs((InputSpec((2, 6)),), assumption="six were assumed")


def loaded(*candidates: Inputs) -> LoadedModel:
    return LoadedModel("net", "net.py", nn.Linear(6, 4), candidates)


@pytest.mark.parametrize(
    "error",
    [
        NotImplementedError("aten::nonzero: attempted to run this operator with Meta tensors"),
        RuntimeError("Tensor.item() cannot be called on meta tensors"),
        RuntimeError("Cannot copy out of meta tensor; no data!"),
        RuntimeError("Expected all tensors to be on the same device"),
    ],
)
def test_missing_values_are_recognised(error: Exception) -> None:
    assert Failure("meta", GIVEN, error, None).needs_values


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("mat1 and mat2 shapes cannot be multiplied (2x5 and 6x4)"),
        ValueError("expected 4D input (got 3D input)"),
        AttributeError("'Net' object has no attribute 'head'"),
    ],
)
def test_a_wrong_call_is_no_lack_of_values(error: Exception) -> None:
    assert not Failure("meta", GIVEN, error, None).needs_values


def test_only_the_first_line_is_told() -> None:
    assert Failure("meta", GIVEN, ValueError("first\nsecond"), None).message == "ValueError: first"
    assert Failure("meta", GIVEN, KeyError(), None).message == "KeyError"


def test_the_reason_names_the_layer() -> None:
    failure = Failure("fake", GIVEN, ValueError("no"), ("body.3", ((1, 2),)))
    assert failure.why == "the forward in `body.3` cannot be followed on fake tensors (ValueError: no)"


def test_the_last_backend_speaks() -> None:
    failures = [Failure(mode, GIVEN, ValueError(mode), None) for mode in ("meta", "fake", "real")]
    problem = explain(loaded(GIVEN), failures)
    assert "ValueError: real" in str(problem)
    assert problem.__cause__ is failures[-1].error


def test_an_assumed_input_comes_with_advice() -> None:
    failed = ("conv", ((1, 3, 8, 8),))
    assert "--input" in str(explain(loaded(ASSUMED), [Failure("meta", ASSUMED, ValueError("no"), failed)]))
    assert "--input" not in str(explain(loaded(GIVEN), [Failure("meta", GIVEN, ValueError("no"), failed)]))


def test_no_failure_at_all_means_no_inputs() -> None:
    assert "give them with --input" in str(explain(loaded(), []))


def test_frames_of_torch_are_not_the_users() -> None:
    try:
        torch.ones(2) @ torch.ones(3)
    except RuntimeError as error:
        told = str(explain(loaded(GIVEN), [Failure("meta", GIVEN, error, None)]))
    assert "test_failure.py:" in told
