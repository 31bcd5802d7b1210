"""Both steps of a small recurrent network by arithmetic."""

import pytest
import torch
from torch import nn

from analyzer.estimating.step_costs import param_bytes_read, steps_of
from analyzer.formulas.count import Count
from analyzer.loading import from_module
from analyzer.tracing import trace
from analyzer.tracing.step_traces import step_traces
from analyzer.values.devices import device_for
from analyzer.values.steps import Steps

DEVICE = device_for("laptop-core")
GATES = 3 * 16


def steps(model: nn.Module, *args: torch.Tensor) -> Steps:
    loaded = from_module(model.eval(), args, {}, None)
    return steps_of(step_traces(loaded, trace(loaded)), DEVICE)


def test_a_prefill_is_its_tokens_and_a_step_is_one() -> None:
    found = steps(nn.GRU(8, 16, batch_first=True), torch.zeros(2, 10, 8))
    assert found.prefill is not None
    assert found.decode is not None
    assert found.decode.macs == 2 * GATES * (8 + 16)
    assert found.prefill.macs == 10 * found.decode.macs
    weights = (GATES * (8 + 16) + 2 * GATES) * 4
    assert found.prefill.param_bytes == found.decode.param_bytes == weights
    kept = 2 * 16 * 4
    assert (found.prefill.state_bytes_before, found.prefill.state_bytes_after) == (0, kept)
    assert (found.decode.state_bytes_before, found.decode.state_bytes_after) == (kept, kept)


def test_the_roofline_is_that_of_the_device() -> None:
    found = steps(nn.GRU(256, 512, batch_first=True), torch.zeros(1, 512, 256))
    assert found.prefill is not None
    assert found.decode is not None
    assert found.decode.ridge == DEVICE.peak("float32") / DEVICE.bandwidth
    assert found.decode.intensity == pytest.approx(2 * found.decode.macs / found.decode.nbytes)
    assert (found.prefill.bound, found.decode.bound) == ("compute", "memory")
    assert found.decode.seconds.low >= found.decode.nbytes / DEVICE.bandwidth


def test_a_model_without_state_has_a_prefill_only() -> None:
    found = steps(nn.Linear(8, 8), torch.zeros(2, 10, 8))
    assert (found.state, found.decode) == (None, None)
    assert found.prefill is not None
    assert found.prefill.macs == 2 * 10 * 8 * 8


class Tied(nn.Module):
    """A table that is looked up in, and multiplied with as a whole."""

    def __init__(self, is_tied: bool) -> None:
        super().__init__()
        self.table, self.head = nn.Embedding(100, 8), nn.Linear(8, 100, bias=False)
        if is_tied:
            self.head.weight = self.table.weight

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.head(self.table(tokens))


@pytest.mark.parametrize(("is_tied", "read"), [(True, 100 * 8 * 4), (False, 100 * 8 * 4 + 3 * 8 * 4)])
def test_of_a_table_rows_are_read_and_a_shared_tensor_once(is_tied: bool, read: int) -> None:
    loaded = from_module(Tied(is_tied).eval(), (torch.zeros(1, 3, dtype=torch.int64),), {}, None)
    assert param_bytes_read(Count(trace(loaded))) == read
