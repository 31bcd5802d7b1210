"""The three ways to run a forward: which tensors each makes, and what it refuses to do with them."""

import pytest
import torch
from torch import nn

from analyzer.loading.loaded_model import Inputs, InputSpec, LoadedModel
from analyzer.tracing import backends
from analyzer.tracing.failure import NeedsValues
from analyzer.values.errors import Problem

BACKENDS = {backend.mode: backend for backend in (backends.META, backends.FAKE, backends.REAL)}
ADD = torch.ops.aten.add.Tensor


def loaded(module: nn.Module) -> LoadedModel:
    return LoadedModel("m", "m", module, (Inputs((InputSpec((2, 3)),)),), owned=False)


@pytest.mark.parametrize("mode", BACKENDS)
def test_a_module_and_its_input_are_of_the_kind_that_the_backend_runs(mode):
    module, backend = nn.Linear(3, 4), BACKENDS[mode]
    with backend.module(loaded(module)) as run:
        x = backend.make_input(InputSpec((2, 3)), run)
        assert run(x).shape == (2, 4)
        assert (x.is_meta, run.weight.is_meta) == (mode == "meta", mode == "meta")
        assert run.weight is not module.weight
    assert not module.weight.is_meta


def test_real_tensors_that_meet_meta_ones_become_meta():
    assert backends.run_on_meta(ADD, (torch.ones(2, device="meta"), torch.ones(2)), {}).is_meta


def test_nothing_is_written_into_a_tensor_with_values():
    into, x = torch.ones(2), torch.ones(2, device="meta")
    with pytest.raises(NeedsValues, match="into a tensor with values"):
        backends.run_on_meta(torch.ops.aten.add_.Tensor, (into, x), {})
    assert torch.equal(into, torch.ones(2))


def test_operators_without_tensors_run_on_a_device_that_is_there():
    made = backends.run_on_meta(torch.ops.aten.zeros.default, ([2],), {"device": torch.device("cuda")})
    assert made.device.type in ("cpu", "meta")


def test_a_model_that_does_not_fit_is_not_run_for_real(monkeypatch):
    monkeypatch.setattr(backends, "free_memory", lambda: 10)
    with pytest.raises(Problem, match="must run for real"), BACKENDS["real"].module(loaded(nn.Linear(3, 4))):
        pass


def test_weights_without_values_get_small_random_ones():
    with BACKENDS["real"].module(loaded(nn.Linear(64, 64, device="meta"))) as run:
        assert 0 < float(run.weight.detach().abs().max()) < 0.2
