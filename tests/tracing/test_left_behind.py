"""What a forward stores outside its module is gone after the analysis, and the user's model computes as before."""

import functools
import random
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
import torch
from state_audit import audited
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from analyzer import Problem, analyze

pytestmark = pytest.mark.usefixtures("alone")
TABLE: dict[Any, torch.Tensor] = {}
RECENT: OrderedDict[int, torch.Tensor] = OrderedDict()
HISTORY: list[Any] = []
STEPS = torch.zeros(1)
NORM = nn.BatchNorm1d(6)
GENERATOR = torch.Generator()
POSITIONS: torch.Tensor | None = None
CALLS = 0


@functools.lru_cache
def positions_of(length: int, device: str = "") -> torch.Tensor:
    return torch.linspace(0, 1, length, device=device or None)


@functools.cache
def scaled(model: nn.Module, length: int) -> torch.Tensor:
    return model.weight.sum() * torch.ones(length)


class Rotary:
    """A cache as an object of its own."""

    __slots__ = ("table",)

    def __init__(self) -> None:
        self.table: torch.Tensor | None = None

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        if self.table is None:
            self.table = torch.linspace(0, 1, x.shape[-1]).to(x)
        return self.table


ROTARY = Rotary()


class Net(nn.Linear):
    """Six to six features after whatever `before` does."""

    tables: ClassVar[dict[int, torch.Tensor]] = {}
    latest: torch.Tensor | None = None

    def __init__(self, before: Callable[[Any, torch.Tensor], torch.Tensor]) -> None:
        super().__init__(6, 6)
        self.before = before

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(self.before(self, x))


def in_a_table(model: Net, x: torch.Tensor) -> torch.Tensor:
    if x.shape[1] not in TABLE:
        TABLE[x.shape[1]] = torch.linspace(0, 1, x.shape[1], device=x.device)
    return x + TABLE[x.shape[1]]


def in_a_table_by_device(model: Net, x: torch.Tensor) -> torch.Tensor:
    hits = torch.zeros(6)
    hits += x[0]  # needs fake tensors, which say that they are on the CPU
    key = (x.shape[1], x.device)
    if key not in TABLE:
        TABLE[key] = torch.linspace(0, 1, x.shape[1], device=x.device)
    return x + TABLE[key] + hits


def in_a_global(model: Net, x: torch.Tensor) -> torch.Tensor:
    global POSITIONS, CALLS
    CALLS += 1
    if POSITIONS is None:
        POSITIONS = torch.linspace(0, 1, 6).to(x)
    return x + POSITIONS


def in_an_lru_cache(model: Net, x: torch.Tensor) -> torch.Tensor:
    hits = torch.zeros(6)
    hits += x[0]
    return x + positions_of(6, x.device.type) + hits


def in_an_lru_cache_by_length(model: Net, x: torch.Tensor) -> torch.Tensor:
    hits = torch.zeros(6)
    hits += x[0]
    return x + positions_of(6) + hits


def in_an_lru_cache_by_module(model: Net, x: torch.Tensor) -> torch.Tensor:
    return x + scaled(model, 6)


def in_the_class(model: Net, x: torch.Tensor) -> torch.Tensor:
    type(model).latest = x
    return x + model.tables.setdefault(6, torch.linspace(0, 1, 6).to(x))


def in_a_list(model: Net, x: torch.Tensor) -> torch.Tensor:
    HISTORY.append(x)
    RECENT[len(RECENT)] = x
    return x


def in_an_attribute_of_a_function(model: Net, x: torch.Tensor) -> torch.Tensor:
    in_an_attribute_of_a_function.last = x  # type: ignore[attr-defined]
    return x


def in_a_default(model: Net, x: torch.Tensor, known: dict[int, Any] = {}) -> torch.Tensor:  # noqa: B006
    return x + known.setdefault(6, torch.linspace(0, 1, 6).to(x))


def counted(model: Net, x: torch.Tensor) -> torch.Tensor:
    STEPS.add_(1)
    return NORM(x)


def random_numbers(model: Net, x: torch.Tensor) -> torch.Tensor:
    return x + torch.rand(6, generator=GENERATOR) + random.random()


def switched(model: Net, x: torch.Tensor) -> torch.Tensor:
    torch.set_grad_enabled(False)
    torch.set_float32_matmul_precision("medium")
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cuda.enable_flash_sdp(False)
    return x


# fmt: off
STORING: list[Callable[[Any, torch.Tensor], torch.Tensor]] = [
    in_a_table, in_a_table_by_device, in_a_global, in_an_lru_cache, in_an_lru_cache_by_length,
    in_an_lru_cache_by_module, in_the_class, in_a_list, in_an_attribute_of_a_function, in_a_default,
    lambda m, x: x + ROTARY(x), counted, random_numbers, switched,
]
# fmt: on


@pytest.mark.parametrize("raises", [False, True], ids=["passes", "raises"])
@pytest.mark.parametrize("storing", STORING, ids=lambda function: function.__name__)
def test_nothing_stays(storing: Callable[[Any, torch.Tensor], torch.Tensor], raises: bool) -> None:
    model, x = Net(storing), torch.randn(4, 6)
    held = (model, x, STEPS, NORM, GENERATOR)
    if raises:
        model.register_forward_hook(refuse)
        with pytest.raises(Problem, match="no further"):
            audited(held, lambda: analyze(model, x))
    else:
        assert audited(held, lambda: analyze(model, x)).total.macs == 4 * 36
        if storing is not switched:  # which would set the switches for all tests to come
            assert model(x).isfinite().all()  # a tensor without values would make this one of them


def refuse(*_: Any) -> None:
    raise ValueError("no further")


def test_caches_that_were_filled_stay_filled() -> None:
    model, x = Net(in_a_table), torch.randn(4, 6)
    model(x)
    filled = TABLE[6]
    assert analyze(model, x).total.macs == 4 * 36
    assert TABLE[6] is filled
    TABLE.clear()


def test_a_closure_over_the_model_reaches_the_copy() -> None:
    """Else the statistics of the original would change, and its layers would count as never run."""
    model = nn.Sequential(nn.Linear(6, 6), nn.BatchNorm1d(6)).train()
    linear, norm = model

    def forward(x: torch.Tensor) -> torch.Tensor:
        return norm(linear(x))

    model.forward = forward  # type: ignore[method-assign]
    x = torch.randn(4, 6)
    analysis = audited((model, x), lambda: analyze(model, x))
    assert [(row.path, row.calls, row.macs) for row in analysis.layers] == [("", 1, 0), ("0", 1, 4 * 36), ("1", 1, 0)]
    assert analysis.never_run == ()


class Keys:
    """Grows as a decoder's cache does, and knows nothing of torch's containers."""

    def __init__(self) -> None:
        self.layers = [{"keys": torch.randn(1, 3, 6)}]

    def update(self, key: torch.Tensor) -> torch.Tensor:
        self.layers[0]["keys"] = torch.cat([self.layers[0]["keys"], key], 1)
        return self.layers[0]["keys"]


class Attending(nn.Linear):
    def forward(self, x: torch.Tensor, cache: Any) -> torch.Tensor:  # type: ignore[override]
        return super().forward(x) @ cache.update(x).transpose(1, 2)


def test_a_cache_given_as_input_does_not_grow() -> None:
    model, x, cache = Attending(6, 6), torch.randn(1, 1, 6), Keys()
    for _ in range(2):
        analysis = audited((model, x, cache), lambda: analyze(model, (x, cache)))
        assert analysis.total.macs == 36 + 6 * 4
    assert cache.layers[0]["keys"].shape == (1, 3, 6)


def test_a_dynamic_cache_does_not_grow() -> None:
    transformers = pytest.importorskip("transformers")
    sizes = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
    model = transformers.LlamaForCausalLM(transformers.LlamaConfig(vocab_size=50, **sizes)).eval()
    cache = transformers.DynamicCache()
    with torch.no_grad():
        model(torch.zeros(1, 5, dtype=torch.long), past_key_values=cache)
        token = torch.zeros(1, 1, dtype=torch.long)
        given = {"input_ids": token, "past_key_values": cache}
        analysis = audited((model, cache, token), lambda: analyze(model, (), given))
    projections = 4 * 16 * 16 + 3 * 16 * 24
    assert analysis.total.macs == 2 * (projections + 2 * 6 * 16) + 16 * 50
    assert cache.get_seq_length() == 5


def test_counters_around_the_analysis_see_nothing_of_it() -> None:
    model, x = nn.Linear(6, 6), torch.randn(4, 6)
    with FlopCounterMode(display=False) as counter:
        assert analyze(model, x).total.macs == 4 * 36
        assert counter.get_total_flops() == 0
        model(x)
    assert counter.get_total_flops() == 2 * 4 * 36


def test_fused_paths_are_as_before_after_analyses_that_overlap() -> None:
    """The second begins while the first has switched them off, and ends after it."""
    begun, ended = threading.Event(), threading.Event()

    class Waiting(nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            begun.set()
            ended.wait(20)
            return super().forward(x)

    assert torch.backends.mha.get_fastpath_enabled()
    second = threading.Thread(target=lambda: analyze(Waiting(6, 6), torch.randn(4, 6)))

    class Starting(nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            second.start()
            begun.wait(20)
            return super().forward(x)

    analyze(Starting(6, 6), torch.randn(4, 6))
    ended.set()
    second.join()
    assert torch.backends.mha.get_fastpath_enabled()


def test_what_other_threads_write_meanwhile_is_theirs() -> None:
    """While they run, only what holds tensors without values is taken back."""
    HISTORY.clear(), RECENT.clear()
    written, stop = threading.Event(), threading.Event()

    def work() -> None:
        HISTORY.append("theirs")
        written.set()
        stop.wait(20)

    def forward(model: Net, x: torch.Tensor) -> torch.Tensor:
        other.start()
        written.wait(20)
        RECENT[0] = x
        return x

    other = threading.Thread(target=work)
    analyze(Net(forward), torch.randn(4, 6))
    stop.set()
    other.join()
    assert (HISTORY, len(RECENT)) == (["theirs"], 0)
