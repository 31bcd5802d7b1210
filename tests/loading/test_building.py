"""Models are built without memory, keep the values that have a meaning, and leave torch as it was."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from analyzer.loading.building import LARGE, build, build_for_real, release, without_memory
from analyzer.values.errors import Problem


@pytest.mark.parametrize(
    "make",
    [
        lambda: torch.empty(2, 3),
        lambda: torch.empty(2, 3, device="cpu"),
        lambda: torch.empty(2, 3, device="cuda"),
        lambda: torch.rand((2, 3)),
        lambda: torch.randn(2, 3, generator=torch.Generator()),
        lambda: torch.normal(0.0, 1.0, (2, 3)),
        lambda: torch.empty_strided((2, 3), (3, 1)),
        lambda: torch.empty_like(torch.zeros(2, 3)),
        lambda: torch.randn_like(torch.zeros(2, 3)),
        lambda: torch.zeros(2, 3).new_empty(2, 3),
        lambda: nn.Parameter(torch.empty(2, 3)),
        lambda: nn.Linear(3, 2).weight,
        lambda: torch.empty(2, 3).cuda(),
        lambda: torch.empty(2, 3).to("cpu"),
        lambda: torch.empty(2, 3).cpu(),
    ],
)
def test_values_without_meaning_take_no_memory(make):
    with without_memory():
        tensor = make()
    assert (tensor.is_meta, tensor.shape) == (True, (2, 3))


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: torch.arange(3), [0, 1, 2]),
        (lambda: torch.arange(3, device="cuda"), [0, 1, 2]),
        (lambda: torch.linspace(0, 1, 3), [0.0, 0.5, 1.0]),
        (lambda: torch.tensor([1, 2]), [1, 2]),
        (lambda: torch.zeros(2), [0.0, 0.0]),
        (lambda: torch.ones(2, device="cuda"), [1.0, 1.0]),
        (lambda: torch.full((2,), 7), [7, 7]),
        (lambda: torch.full_like(torch.zeros(2), 7), [7.0, 7.0]),
        (lambda: torch.zeros(1).new_full((2,), 7), [7.0, 7.0]),
        (lambda: torch.eye(2), [[1.0, 0.0], [0.0, 1.0]]),
        (lambda: torch.randint(5, 6, (2,)), [5, 5]),
        (lambda: torch.as_tensor([1.0]).cuda(), [1.0]),
        (lambda: torch.as_tensor([1]).to("cuda", torch.float32), [1.0]),
        (lambda: nn.init.constant_(torch.zeros(2), 3), [3.0, 3.0]),
    ],
)
def test_values_with_a_meaning_are_kept(make, expected):
    with without_memory():
        assert make().tolist() == expected


@pytest.mark.parametrize(
    ("make", "is_meta"),
    [
        (lambda: torch.zeros(1024, 1024), False),
        (lambda: torch.zeros(1024, 1025), True),
        (lambda: torch.ones(size=(LARGE + 1,)), True),
        (lambda: torch.full((LARGE + 1,), 1.0), True),
        (lambda: torch.eye(1025), True),
        (lambda: torch.eye(n=2, m=LARGE), True),
        (lambda: torch.zeros(*torch.tensor([1024, 1025])), True),
        (lambda: torch.eye(1024), False),
        (lambda: torch.zeros(1).new_zeros(LARGE + 1), True),
        (lambda: torch.zeros(1).new_ones((2, LARGE)), True),
        (lambda: torch.arange(LARGE + 1), False),
    ],
)
def test_large_constants_take_no_memory(make, is_meta):
    with without_memory():
        assert make().is_meta is is_meta


def test_initialisation_of_a_meta_tensor_returns_it():
    with without_memory():
        weight = nn.Parameter(torch.empty(4, 4))
        for fill in (nn.init.normal_, nn.init.kaiming_uniform_, nn.init.xavier_normal_, nn.init.trunc_normal_):
            assert fill(weight) is weight
        assert nn.init.zeros_(weight) is weight


def test_the_random_state_is_kept():
    before = torch.get_rng_state()
    with without_memory():
        torch.randperm(5)
        torch.manual_seed(3)
    build_for_real(lambda: torch.randn(5))
    assert torch.get_rng_state().equal(before)


def test_the_mode_ends_with_an_error():
    with pytest.raises(ZeroDivisionError), without_memory():
        raise ZeroDivisionError
    assert not torch.empty(2).is_meta


def test_what_computes_with_constants_is_built_without_memory():
    def make():
        rates = [rate.item() for rate in torch.linspace(0, 0.5, 3)]
        return nn.Sequential(nn.Linear(2, 2), nn.Dropout(rates[-1]))

    module = build(make)
    assert (module[0].weight.is_meta, module[1].p) == (True, 0.5)


def test_what_runs_its_own_layers_is_built_without_memory():
    def make():
        body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten())
        return nn.Sequential(body, nn.Linear(body(torch.zeros(1, 3, 8, 8)).shape[1], 10))

    module = build(make)
    assert (module[1].in_features, module[1].weight.is_meta) == (4 * 6 * 6, True)


def test_what_reads_a_random_value_is_built_for_real():
    module = build(lambda: nn.Linear(2, 1 + int(torch.rand(1).item())))
    assert not module.weight.is_meta


@pytest.mark.parametrize("error", [Problem("no"), ImportError("no"), SyntaxError("no")])
def test_an_error_that_memory_does_not_cure_is_raised_at_once(error):
    calls = []

    def make():
        calls.append(1)
        raise error

    with pytest.raises(type(error)):
        build(make)
    assert calls == [1]


def test_real_weights_are_the_same_at_every_call():
    first, second = (build_for_real(lambda: nn.Linear(3, 3)).weight for _ in range(2))
    assert first.equal(second)
    assert not first.is_meta


def test_release_empties_weights_and_keeps_index_tables():
    module = nn.BatchNorm2d(4)
    module.register_buffer("index", torch.arange(4))
    module.register_buffer("huge", torch.zeros(LARGE + 1, dtype=torch.uint8))
    module.register_buffer("nothing", None)
    release(module)
    kept = [name for name, value in module.state_dict().items() if not value.is_meta]
    assert kept == ["num_batches_tracked", "index"]
    assert module.index.tolist() == [0, 1, 2, 3]


def test_release_keeps_what_is_special_about_a_parameter():
    module = nn.Linear(3, 3)
    module.weight.requires_grad_(False).mark = "kept"
    release(module)
    assert isinstance(module.weight, nn.Parameter)
    assert (module.weight.requires_grad, module.weight.mark, module.bias.requires_grad) == (False, "kept", True)


def test_release_keeps_tied_tensors_tied():
    module = nn.ModuleDict({"a": nn.Linear(3, 3), "b": nn.Linear(3, 3)})
    module["b"].weight = module["a"].weight
    release(module)
    assert module["b"].weight is module["a"].weight
    assert module["a"].weight.is_meta


def test_release_keeps_shared_memory_shared():
    module = nn.Module()
    storage = torch.randn(4, 6)
    module.whole = nn.Parameter(storage)
    module.register_buffer("part", storage[1:, ::2])
    module.other = nn.Parameter(torch.randn(4, 6))
    release(module)
    assert module.whole.untyped_storage()._cdata == module.part.untyped_storage()._cdata
    assert module.whole.untyped_storage()._cdata != module.other.untyped_storage()._cdata
    assert (module.part.shape, module.part.stride(), module.part.storage_offset()) == ((3, 3), (6, 2), 6)


def test_release_leaves_what_has_no_meta_form():
    module = nn.Module()
    module.lazy = nn.LazyLinear(3)
    module.register_buffer("sparse", torch.eye(3).to_sparse())
    release(module)
    assert (module.sparse.is_sparse, module.sparse.is_meta) == (True, False)
    assert nn.parameter.is_lazy(module.lazy.weight)


def test_a_recurrent_layer_runs_on_what_is_left():
    module = nn.LSTM(3, 4, 2, bidirectional=True)
    release(module)
    output, _ = module(torch.empty(5, 1, 3, device="meta"))
    assert output.shape == (5, 1, 8)


def test_a_parameter_of_an_own_class_stays_as_it_is():
    class Own(nn.Parameter):
        pass

    module = nn.Module()
    module.own = Own(torch.ones(3))
    release(module)
    assert (type(module.own), module.own.is_meta) == (Own, False)


def test_lazy_layers_are_built_and_run_without_memory():
    with without_memory():
        module = nn.Sequential(nn.LazyConv2d(8, 3), nn.LazyBatchNorm2d(), nn.Flatten(), nn.LazyLinear(10))
    release(module)
    assert module(torch.empty(2, 3, 8, 8, device="meta")).shape == (2, 10)
    assert module[3].weight.shape == (10, 8 * 6 * 6)


def test_parametrized_and_normed_layers_are_built_without_memory():
    with without_memory():
        layers = [nn.utils.parametrizations.weight_norm(nn.Linear(4, 4)), nn.utils.spectral_norm(nn.Conv2d(4, 4, 3))]
        layers.append(nn.utils.parametrizations.spectral_norm(nn.Linear(4, 4)))
    module = nn.ModuleList(layers)
    release(module)
    assert all(parameter.is_meta for parameter in module.parameters())


def test_a_model_larger_than_any_memory_is_built():
    with without_memory():
        module = nn.Linear(2**24, 2**24)
    assert module.weight.numel() == 2**48


def test_building_a_plain_model_does_not_import_the_compiler():
    code = (
        "import sys, torch; from torch import nn; from analyzer.loading import building\n"
        "with building.without_memory():\n"
        "    attention = nn.MultiheadAttention(8, 2)\n"
        "    module = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.LSTM(3, 4), attention)\n"
        "    for layer in module.modules():\n"
        "        if isinstance(layer, nn.Conv2d): nn.init.kaiming_normal_(layer.weight, mode='fan_out')\n"
        "building.release(module)\n"
        "assert all(parameter.is_meta for parameter in module.parameters())\n"
        "print([name for name in ('torch._dynamo', 'sympy', 'torchvision') if name in sys.modules])\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"
