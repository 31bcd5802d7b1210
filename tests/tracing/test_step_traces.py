"""State between steps against arithmetic, and against the tensors that real models keep alive."""

import gc
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from state_audit import audited
from torch import nn

from analyzer.loading import from_module, load
from analyzer.loading.loaded_model import LoadedModel
from analyzer.tracing import trace
from analyzer.tracing.step_traces import NO_SEQUENCE, NO_STATE, step_traces
from analyzer.values.recorded_steps import StepTraces
from analyzer.values.requests import ModelRequest
from analyzer.values.steps import State

FLOAT = 4


def followed(model: nn.Module, *args: Any, **kwargs: Any) -> StepTraces:
    """The steps of a model that must be left as it was."""
    loaded = from_module(model.eval(), args, kwargs, None)
    return audited((model, args, kwargs), lambda: step_traces(loaded, trace(loaded)))


def state(found: StepTraces) -> State:
    assert found.state is not None, found.reason
    assert found.decode is not None, found.reason
    return found.state


@pytest.mark.parametrize("batch_first", [True, False])
def test_an_lstm_keeps_hidden_and_cell_state_of_constant_size(batch_first: bool) -> None:
    shape = (2, 7, 8) if batch_first else (7, 2, 8)
    found = followed(nn.LSTM(8, 16, num_layers=3, batch_first=batch_first), torch.zeros(shape))
    assert (found.tokens, found.batch) == (7, 2)
    assert [(t.path, t.shape, t.token_bytes) for t in state(found).tensors] == [
        ("hx.0", (3, 2, 16), 0),
        ("hx.1", (3, 2, 16), 0),
    ]
    assert state(found).nbytes == 2 * 3 * 2 * 16 * FLOAT


def test_a_gru_keeps_one_tensor() -> None:
    found = followed(nn.GRU(8, 16, batch_first=True), torch.zeros(2, 7, 8))
    assert (state(found).nbytes, state(found).token_bytes) == (2 * 16 * FLOAT, 0)


@pytest.mark.parametrize("by_name", [True, False])
def test_a_first_state_that_was_given_is_one_of_the_same_form(by_name: bool) -> None:
    first = (torch.zeros(1, 2, 16), torch.zeros(1, 2, 16))
    model, signal = nn.LSTM(8, 16, batch_first=True), torch.zeros(2, 7, 8)
    found = followed(model, signal, hx=first) if by_name else followed(model, signal, first)
    assert [(t.path, t.nbytes) for t in state(found).tensors] == [("hx.0", 2 * 16 * FLOAT), ("hx.1", 2 * 16 * FLOAT)]


class Attention(nn.Module):
    """One head that is given keys and values of earlier tokens, of which it keeps the last few."""

    def __init__(self, most: int = 10**9) -> None:
        super().__init__()
        self.embedding, self.projection, self.most = nn.Embedding(50, 16), nn.Linear(16, 48), most

    def forward(
        self, tokens: torch.Tensor, targets: torch.Tensor | None = None, past: tuple[torch.Tensor, ...] | None = None
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
        query, key, value = self.projection(self.embedding(tokens)).chunk(3, dim=-1)
        if past is not None:
            key, value = (torch.cat(pair, dim=1) for pair in zip(past, (key, value), strict=True))
        output = (query @ key.transpose(1, 2)).softmax(-1) @ value
        return output, (key[:, -self.most :], value[:, -self.most :])


def tokens(batch: int = 1, length: int = 12) -> torch.Tensor:
    return torch.zeros(batch, length, dtype=torch.int64)


def test_a_cache_in_a_tuple_grows_with_every_token_of_every_sequence() -> None:
    found = followed(Attention(), tokens(batch=3))
    kept = state(found)
    assert [(t.path, t.shape) for t in kept.tensors] == [("past.0", (3, 12, 16)), ("past.1", (3, 12, 16))]
    assert (kept.nbytes, kept.token_bytes) == (2 * 3 * 12 * 16 * FLOAT, 2 * 3 * 16 * FLOAT)
    assert {t.full_at for t in kept.tensors} == {None}
    assert kept.sizes[-1].nbytes == 2 * 3 * kept.sizes[-1].tokens * 16 * FLOAT


def test_the_decode_step_is_one_token_that_reads_all_keys() -> None:
    found = followed(Attention(), tokens())
    assert found.decode is not None
    products = [op for op in found.decode.graph if op.packet == "aten.bmm"]
    assert [op.outputs[0].shape for op in products] == [(1, 1, 13), (1, 1, 16)]


class Pictured(Attention):
    """Puts a picture's rows before the tokens, where it is given one."""

    def forward(self, tokens: Any, past: Any = None, picture: Any = None) -> Any:  # type: ignore[override]
        hidden = self.embedding(tokens)
        hidden = hidden if picture is None else torch.cat((picture, hidden), dim=1)
        keys = hidden if past is None else torch.cat((past, hidden), dim=1)
        return {"logits": hidden @ keys.transpose(1, 2), "past": keys}


def test_a_picture_is_given_once() -> None:
    found = followed(Pictured(), tokens(), picture=torch.zeros(1, 5, 16))
    assert (state(found).nbytes, state(found).token_bytes) == ((5 + 12) * 16 * FLOAT, 16 * FLOAT)


class Held(nn.Module):
    """Keeps a running sum as a plain attribute, and counts calls in a buffer; both are of the module."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))
        self.layer = nn.Linear(8, 8)
        self.sums: torch.Tensor | None = None

    def forward(self, signal: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        before = torch.zeros_like(signal[:, 0]) if self.sums is None else self.sums
        self.sums = before + self.layer(signal).sum(1)
        return self.sums * self.calls


def test_state_that_modules_hold_is_found_and_the_model_is_left_as_it_was() -> None:
    found = followed(Held(), torch.zeros(2, 7, 8))
    assert {t.path: t.nbytes for t in state(found).tensors} == {"calls": 8, "sums": 2 * 8 * FLOAT}


class Static(nn.Module):
    """Writes keys into a buffer at positions that it is given."""

    def __init__(self, copies: bool) -> None:
        super().__init__()
        self.embedding, self.copies = nn.Embedding(50, 16), copies
        self.register_buffer("keys", torch.zeros(1, 64, 16))
        self.register_buffer("causal", torch.ones(64, 64, dtype=torch.bool).tril())

    def forward(self, tokens: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        query = self.embedding(tokens)
        if self.copies:
            self.keys.index_copy_(1, positions, query)
        else:
            self.keys[:, positions] = query
        scores = (query @ self.keys.transpose(1, 2)).masked_fill(~self.causal[positions], -1e9)
        return scores.softmax(-1) @ self.keys


@pytest.mark.parametrize("copies", [True, False])
def test_a_cache_of_full_length_in_a_buffer_is_state_that_does_not_grow(copies: bool) -> None:
    found = followed(Static(copies), tokens(length=8), torch.arange(8))
    assert [(t.path, t.nbytes, t.token_bytes) for t in state(found).tensors] == [("keys", 64 * 16 * FLOAT, 0)]
    assert found.decode is not None
    assert [op.outputs[0].shape for op in found.decode.graph if op.packet == "aten.bmm"] == [(1, 1, 64), (1, 1, 16)]


class Unfed(nn.Module):
    """Returns a second tensor that no call takes back."""

    def forward(self, tokens: torch.Tensor, mask: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        return tokens * 2, tokens.sum(1)


class Ignoring(nn.Module):
    """Takes what it returned, and does not look at it."""

    def forward(self, signal: torch.Tensor, other: Any = None) -> tuple[torch.Tensor, torch.Tensor]:
        return signal * 2, signal.sum(1)


@pytest.mark.parametrize(
    ("model", "given", "reason"),
    [
        (nn.Linear(8, 8), torch.zeros(2, 7, 8), NO_STATE),
        (nn.BatchNorm1d(7), torch.zeros(2, 7, 8), NO_STATE),
        (nn.Conv2d(3, 4, 3), torch.zeros(1, 3, 8, 8), NO_SEQUENCE),
        (Unfed(), torch.zeros(2, 7, 8), NO_STATE),
        (Ignoring(), torch.zeros(2, 7, 8), "does not read it"),
        (nn.Linear(8, 8), torch.zeros(1, 8), NO_SEQUENCE),
        (nn.Embedding(4, 8), torch.zeros(1, 1, dtype=torch.int64), NO_SEQUENCE),
        (nn.MultiheadAttention(8, 2, batch_first=True), None, "fails"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_what_keeps_nothing_says_why(model: nn.Module, given: torch.Tensor | None, reason: str) -> None:
    found = followed(model, given) if given is not None else followed(model, *[torch.zeros(2, 7, 8)] * 3)
    assert (found.state, found.decode) == (None, None)
    assert reason in found.reason


class Failing(nn.Module):
    """Fails where it is given its state."""

    def forward(self, signal: torch.Tensor, state: Any = None) -> dict[str, torch.Tensor]:
        if state is not None:
            raise RuntimeError("no second call")
        return {"logits": signal, "state": signal.sum(1)}


def test_state_with_a_name_is_told_where_the_next_call_fails() -> None:
    found = followed(Failing(), torch.zeros(2, 7, 8))
    assert found.state is not None
    assert (found.state.nbytes, found.state.token_bytes, found.decode) == (2 * 8 * FLOAT, None, None)
    assert "no second call" in found.reason


class Routed(nn.Module):
    """Two of four experts in a list, chosen by values: it runs for real."""

    def __init__(self) -> None:
        super().__init__()
        self.router, self.experts = nn.Linear(8, 4), nn.ModuleList(nn.Linear(8, 8) for _ in range(4))

    def forward(self, signal: torch.Tensor, last: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        flat = signal.reshape(-1, 8) if last is None else signal.reshape(-1, 8) + last
        scores, chosen = self.router(flat).topk(2)
        output = torch.zeros_like(flat)
        for number, expert in enumerate(self.experts):
            rows, places = torch.where(chosen == number)
            if len(rows):
                output[rows] += expert(flat[rows]) * scores[rows, places, None]
        return output.reshape(signal.shape), output[-1:]


def test_a_forward_that_needs_values_is_followed_for_real() -> None:
    found = followed(Routed(), torch.randn(1, 7, 8))
    assert (state(found).nbytes, found.prefill.mode) == (8 * FLOAT, "real")


transformers = pytest.importorskip("transformers")

# fmt: off
DECODER = {"vocab_size": 1000, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2,
           "num_attention_heads": 8, "num_key_value_heads": 2, "pad_token_id": None}
FAMILIES: dict[str, dict[str, Any]] = {
    "llama": DECODER,
    "gpt2": {"n_embd": 64, "n_layer": 2, "n_head": 4, "vocab_size": 1000},
    "gemma3_text": {**DECODER, "head_dim": 16, "sliding_window": 20, "num_hidden_layers": 6},
    "deepseek_v3": {
        **DECODER, "num_key_value_heads": 8, "n_routed_experts": 8, "n_group": 2, "topk_group": 1,
        "num_experts_per_tok": 2, "moe_intermediate_size": 32, "first_k_dense_replace": 1, "kv_lora_rank": 32,
        "q_lora_rank": 48, "qk_nope_head_dim": 16, "qk_rope_head_dim": 8, "v_head_dim": 16},
    "mamba": {"hidden_size": 64, "num_hidden_layers": 2, "vocab_size": 1000},
    "jamba": {
        **DECODER, "use_mamba_kernels": False, "num_experts": 4, "num_experts_per_tok": 2, "attn_layer_period": 2,
        "attn_layer_offset": 1, "expert_layer_period": 2, "expert_layer_offset": 1},
    "rwkv": {"hidden_size": 64, "num_hidden_layers": 2, "vocab_size": 1000, "context_length": 64},
    "recurrent_gemma": {
        "vocab_size": 1000, "hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4, "lru_width": 64,
        "intermediate_size": 96, "attention_window_size": 20},
    "qwen3_moe": {
        **DECODER, "head_dim": 8, "num_experts": 8, "num_experts_per_tok": 2, "moe_intermediate_size": 32},
}
# fmt: on


def tiny(folder: Path, kind: str) -> LoadedModel:
    architecture = transformers.models.auto.modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES[kind]
    config = {"model_type": kind, "architectures": [architecture], **FAMILIES[kind]}
    (folder / "config.json").write_text(json.dumps(config))
    loaded = load(ModelRequest(f"transformers:{folder}", inputs=("1x40:int64",)))
    assert isinstance(loaded, LoadedModel)
    return loaded


def alive() -> Iterator[torch.Tensor]:
    gc.collect()
    yield from (thing for thing in gc.get_objects() if type(thing) is torch.Tensor)


def kept_by(model: Any, length: int) -> tuple[int, int, int]:
    """Bytes of the tensors that are alive for the sake of a real run's cache, of their memory, and a token later."""
    before = {id(tensor): tensor for tensor in alive()}
    given = {"cache": transformers.DynamicCache(config=model.config)} if makes_no_cache(model) else {}
    held = called(model, length, given)
    first, memory = sizes_of([t for t in alive() if id(t) not in before])
    held = called(model, 1, held)
    second, _ = sizes_of([t for t in alive() if id(t) not in before])
    del held
    return first, memory, second


def makes_no_cache(model: Any) -> bool:
    """Whether a cache has to be given, for it is not returned; other state is in the modules."""
    return bool(model.config.model_type == "recurrent_gemma")


def called(model: Any, length: int, given: dict[str, Any]) -> dict[str, Any]:
    output = model(torch.zeros(1, length, dtype=torch.int64), **given, use_cache=True)
    names = {"cache", "past_key_values", "cache_params", "state"} & set(output.keys())
    return {name: output[name] for name in names} or given


def sizes_of(tensors: list[torch.Tensor]) -> tuple[int, int]:
    """Bytes of tensors, those left out that live only as the whole that another is a view of; and of their memory."""
    bases = {id(tensor._base) for tensor in tensors if tensor._base is not None}
    storages = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in tensors}
    return sum(t.numel() * t.element_size() for t in tensors if id(t) not in bases), sum(storages.values())


@pytest.mark.parametrize("kind", FAMILIES)
def test_state_is_equal_to_the_byte_to_the_tensors_that_a_real_run_keeps(kind: str, tmp_path: Path) -> None:
    loaded = tiny(tmp_path, kind)
    kept = state(step_traces(loaded, trace(loaded)))
    assert loaded.materialize is not None
    with torch.no_grad():
        real = kept_by(loaded.materialize().eval(), 40)
    assert (kept.nbytes, kept.memory_bytes, kept.nbytes + (kept.token_bytes or 0)) == real


def test_gemma_s_windows_are_full_a_token_before_their_size(tmp_path: Path) -> None:
    loaded = tiny(tmp_path, "gemma3_text")
    kept = state(step_traces(loaded, trace(loaded)))
    local = [t for t in kept.tensors if t.path.endswith(("keys", "values")) and t.shape[2] == 19]
    assert len(local) == 2 * 5
    assert {t.token_bytes for t in local} == {0}
