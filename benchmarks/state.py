"""Hold the state that `--steps` tells to the tensors that real runs keep alive, for many causal families."""

from __future__ import annotations

import argparse
import gc
import json
import tempfile
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers_configs import CONFIGS, SMALL_DECODER, SMALL_EXPERTS

from analyzer.estimating.step_costs import steps_of
from analyzer.loading import load
from analyzer.loading.loaded_model import LoadedModel
from analyzer.tracing import trace
from analyzer.tracing.step_traces import step_traces
from analyzer.values.devices import device_for
from analyzer.values.errors import Problem
from analyzer.values.requests import ModelRequest
from analyzer.values.steps import Steps

TOKENS = 128
NAMES = ("cache", "past_key_values", "cache_params", "state", "mems", "past_buckets_states")
"""What the outputs of transformers call their state."""
HEADS = {"num_attention_heads": 8, "num_key_value_heads": 2, "head_dim": 64}
LIKE_LLAMA = (
    "apertus arcee bitnet cohere2 ernie4_5 exaone4 nanochat nemotron olmo olmo3 seed_oss glm cwm jais2 minimax "
    "ernie4_5_moe falcon_h1 granitemoeshared olmo_hybrid persimmon modernbert-decoder flex_olmo"
)
"""Families that are configured as a small Llama."""
WITH_HEADS = "helium hunyuan_v1_dense ministral hunyuan_v1_moe vaultgemma mellum"
"""Those that want the size of a head as well."""
MORE: dict[str, dict[str, Any]] = {
    **{kind: {**SMALL_DECODER, "pad_token_id": 0} for kind in LIKE_LLAMA.split()},
    **{kind: {**SMALL_DECODER, **HEADS, "pad_token_id": 0} for kind in WITH_HEADS.split()},
    "granitemoehybrid": {**SMALL_DECODER, "layer_types": ["mamba", "mamba", "attention"] * 2},
    "lfm2_moe": {**SMALL_DECODER, **SMALL_EXPERTS, "layer_types": ["conv", "conv", "full_attention"] * 2},
    "xglm": {"d_model": 256, "num_layers": 4, "attention_heads": 4, "ffn_dim": 512, "vocab_size": 32000},
    "biogpt": {"hidden_size": 256, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 512},
    "ctrl": {"n_embd": 256, "n_layer": 4, "n_head": 4, "dff": 512, "vocab_size": 32000},
    "xlnet": {"d_model": 256, "n_layer": 4, "n_head": 4, "d_inner": 512},
    "minimax_m2": {**SMALL_DECODER, **HEADS, "num_local_experts": 8, "num_experts_per_tok": 2},
    "exaone_moe": {**SMALL_DECODER, **SMALL_EXPERTS, "num_experts": 8},
    "qwen3_5_text": {**SMALL_DECODER, "head_dim": 64, "linear_num_key_heads": 4, "linear_num_value_heads": 8},
    "gemma4_text": {**SMALL_DECODER, "head_dim": 64},
    "gemma3n_text": {**SMALL_DECODER, "head_dim": 64, "num_hidden_layers": 10, "num_kv_shared_layers": 5},
    "nemotron_h": {**SMALL_DECODER, "mamba_num_heads": 16, "mamba_head_dim": 64},
    "bert": {"is_decoder": True, "hidden_size": 256, "num_hidden_layers": 4, "num_attention_heads": 4},
    "moshi": {**SMALL_DECODER, "num_key_value_heads": 8, "head_dim": 64, "ffn_dim": 512},
    "cpmant": {"hidden_size": 256, "num_attention_heads": 4, "dim_head": 64, "dim_ff": 512, "num_hidden_layers": 4},
    "trocr": {"d_model": 256, "decoder_layers": 4, "decoder_attention_heads": 4, "decoder_ffn_dim": 512},
}
"""Families that `transformers_configs` has no decoder of."""
PUBLISHED: dict[str, dict[str, Any]] = {
    "deepseek_v3": {},
    "jamba": {"use_mamba_kernels": False},
    "gemma3_text": {
        "hidden_size": 2560,
        "intermediate_size": 10240,
        "num_hidden_layers": 34,
        "num_attention_heads": 8,
        "num_key_value_heads": 4,
        "head_dim": 256,
        "sliding_window": 1024,
        "vocab_size": 262208,
    },
    "mixtral": {},
}
"""DeepSeek-V3, Jamba, Gemma-3 4B and Mixtral 8x7B in bfloat16; without weights, so that no memory is needed."""
LENGTHS = (2048, 8192, 131072)
ABSENT = ("openai-gpt", "cpmant", "git")
"""One without a cache, one that wants all tokens again at every step, and one that is given a picture."""


@dataclass(frozen=True)
class Row:
    """One family: what the analyzer says of its state in bytes, and what a real run keeps."""

    kind: str
    told: tuple[int, int, int] = (0, 0, 0)
    """Of the tensors, of the memory behind them, of the tensors a token later."""
    real: tuple[int, int, int] = (0, 0, 0)
    steps: Steps | None = None
    seconds: float = 0.0
    problem: str = ""

    @property
    def agrees(self) -> bool:
        return not self.problem and self.told == self.real


def main() -> None:
    """Print a row for each family and how many agree; exit 1 where one does not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", help="only these model types")
    parser.add_argument("--published", action="store_true", help="published sizes against the usual formula, not run")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    transformers.logging.set_verbosity_error()
    if options.published:
        return _print_published()
    print("| family | after 128 tokens | memory held | one more token | parameters of a token | | s |")
    print("|:--|--:|--:|--:|--:|:--|--:|")
    with tempfile.TemporaryDirectory() as folder:
        rows = [_printed(_row(Path(folder), kind, config)) for kind, config in _configs(options.kinds)]
    print(f"\n{sum(row.agrees for row in rows)} of {len(rows)} families agree to the byte")
    raise SystemExit(not all(row.agrees for row in rows))


def _print_published() -> None:
    """State at some lengths, what 2 · layers · key-value heads · head size · tokens gives, and a token's parameters."""
    print("| model | tokens | state | formula | ratio | parameters of a token |\n|:--|--:|--:|--:|--:|--:|")
    for kind, config in PUBLISHED.items():
        with tempfile.TemporaryDirectory() as folder:
            loaded = _loaded(Path(folder), kind, {**config, "dtype": "bfloat16"})
            steps = steps_of(step_traces(loaded, trace(loaded)), device_for())
        assert steps.state is not None
        assert steps.token is not None
        for tokens in LENGTHS:
            kept, usual = steps.state_bytes(tokens) or 0, _usual(loaded.module.config, tokens)
            used = f"{steps.token.most:,} of {steps.token.total:,}"
            print(f"| {kind} | {tokens:,} | {kept:,} | {usual:,} | {usual / kept:.2f} | {used} |", flush=True)


def _usual(config: Any, tokens: int) -> int:
    head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return int(2 * config.num_hidden_layers * config.num_key_value_heads * head * tokens * 2)


def _loaded(folder: Path, kind: str, config: dict[str, Any]) -> LoadedModel:
    causal = transformers.models.auto.modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES[kind]
    (folder / kind).mkdir()
    (folder / kind / "config.json").write_text(json.dumps({"model_type": kind, **config, "architectures": [causal]}))
    loaded = load(ModelRequest(f"transformers:{folder / kind}"))
    assert isinstance(loaded, LoadedModel)
    return loaded


def _configs(wanted: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    causal = transformers.models.auto.modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    for kind, config in {**CONFIGS, **MORE}.items():
        named = config.get("architectures") or [causal.get(kind)]
        if kind in (wanted or causal) and named[0] == causal.get(kind) and kind not in ABSENT:
            yield kind, config


def _row(folder: Path, kind: str, config: dict[str, Any]) -> Row:
    try:
        loaded = _loaded(folder, kind, config)
        begun = time.process_time()
        steps = steps_of(step_traces(loaded, trace(loaded)), device_for())
        seconds = time.process_time() - begun
    except Problem as problem:
        return Row(kind, problem=str(problem))
    if steps.state is None or steps.decode is None:
        return Row(kind, steps=steps, seconds=seconds, problem=steps.reason)
    state = steps.state
    told = state.nbytes, state.memory_bytes, state.nbytes + (state.token_bytes or 0)
    assert loaded.materialize is not None
    with torch.no_grad():
        return Row(kind, told, _kept(loaded.materialize().eval()), steps, seconds)


def _kept(model: Any) -> tuple[int, int, int]:
    """Bytes of the tensors that live for a real cache's sake, of their memory, and of the tensors a token later."""
    before = {id(tensor): tensor for tensor in _alive()}
    caller = {"cache": transformers.DynamicCache(config=model.config)} if _makes_none(model) else {}
    held = _called(model, TOKENS, **caller)
    first, memory = _sizes([tensor for tensor in _alive() if id(tensor) not in before])
    held = _called(model, 1, **held)
    second, _ = _sizes([tensor for tensor in _alive() if id(tensor) not in before])
    del held
    return first, memory, second


def _called(model: Any, tokens: int, **held: Any) -> dict[str, Any]:
    """The state that a call returns, by the argument that takes it; nothing else of the output lives on."""
    switch = "use_mems" if model.config.model_type == "xlnet" else "use_cache"
    output = model(torch.zeros(1, tokens, dtype=torch.int64), **held, **{switch: True})
    return {name: output[name] for name in NAMES if name in output} or held


def _makes_none(model: Any) -> bool:
    """Whether a cache has to be given, for it is not returned; other state is in the modules."""
    return bool(model.config.model_type == "recurrent_gemma")


def _alive() -> list[torch.Tensor]:
    gc.collect()
    return [thing for thing in gc.get_objects() if type(thing) is torch.Tensor]


def _sizes(tensors: list[torch.Tensor]) -> tuple[int, int]:
    """Bytes of tensors but those that live only as the whole that another is a view of; and of the memory of all."""
    bases = {id(tensor._base) for tensor in tensors if tensor._base is not None}
    memory = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in tensors}
    return sum(t.numel() * t.element_size() for t in tensors if id(t) not in bases), sum(memory.values())


def _printed(row: Row) -> Row:
    state = row.steps.state if row.steps else None
    token = row.steps.token if row.steps else None
    used = f"{token.most:,} of {token.total:,}" if token and token.groups else ""
    growth = "" if state is None else f"{state.token_bytes:,}" if state.token_bytes is not None else "unknown"
    said = row.problem or ("equal" if row.agrees else f"told {row.told}, real {row.real}")
    sizes = f"{row.told[0]:,} | {row.told[1]:,}"
    print(f"| {row.kind} | {sizes} | {growth} | {used} | {said} | {row.seconds:.1f} |", flush=True)
    return row


if __name__ == "__main__":
    main()
