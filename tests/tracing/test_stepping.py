"""Where the sequence lies in the inputs of a call."""

import pytest

from analyzer.loading.loaded_model import InputSpec
from analyzer.tracing.stepping import sequence_axes


def ids(*shape: int) -> InputSpec:
    return InputSpec(shape, "int64")


@pytest.mark.parametrize(
    ("inputs", "axes"),
    [
        ({"input_ids": ids(2, 7)}, [({"input_ids": 1}, 7, 2)]),
        ({"input_ids": ids(7)}, [({"input_ids": 0}, 7, 1)]),
        ({"input_ids": ids(2, 7), "attention_mask": ids(2, 7)}, [({"input_ids": 1, "attention_mask": 1}, 7, 2)]),
        ({"input_ids": ids(2, 7), "position": ids(7)}, [({"position": 0, "input_ids": 1}, 7, 2)]),
        ({"input_ids": ids(2, 7), "lengths": ids(2)}, [({"input_ids": 1}, 7, 2)]),
        ({"input_ids": ids(2, 7), "image": InputSpec((2, 3, 8, 8))}, [({"input_ids": 1}, 7, 2)]),
        ({"input_ids": ids(2, 7), "decoder_input_ids": ids(2, 5)}, [({"decoder_input_ids": 1}, 5, 2)]),
        ({"x": InputSpec((2, 7, 8))}, [({"x": 1}, 7, 2), ({"x": 0}, 2, 7)]),
        ({"x": InputSpec((7, 8))}, [({"x": 0}, 7, 1)]),
        ({"x": InputSpec((7, 1, 8))}, [({"x": 0}, 7, 1)]),
        ({"x": InputSpec((2, 7, 3, 8, 8))}, [({"x": 1}, 7, 2), ({"x": 0}, 2, 7)]),
        ({"x": InputSpec((2, 3, 8, 8))}, []),
        ({"x": InputSpec((1, 8))}, []),
        ({"x": InputSpec(())}, []),
        ({"input_ids": ids(4, 1)}, []),
        ({}, []),
    ],
)
def test_the_sequence_is_where_tokens_or_signals_have_it(
    inputs: dict[str, InputSpec], axes: list[tuple[dict[str, int], int, int]]
) -> None:
    found = [(axis.places, axis.length, axis.batch) for axis in sequence_axes(list(inputs.items()))]
    assert found == axes
