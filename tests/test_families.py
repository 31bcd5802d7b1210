"""Real families beyond torchvision: complete, on the backend they should be on, and equal to independent counts."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from state_audit import audited
from torch.utils.flop_counter import FlopCounterMode

from analyzer import Analysis
from analyzer.analysis import analyze_loaded
from analyzer.loading import load
from analyzer.loading.loaded_model import LoadedModel
from analyzer.tracing.backends import META
from analyzer.values.requests import ModelRequest

pytest.importorskip("timm")
pytest.importorskip("transformers")

TIMM = (
    "resnet10t convnext_atto_rms vit_tiny_patch16_224 swin_tiny_patch4_window7_224 mixer_s16_224 efficientnet_b0 "
    "regnety_002 rexnet_100 levit_128s mobilevit_xxs ghostnet_050 poolformer_s12"
)

# fmt: off
DECODER = {"vocab_size": 1000, "hidden_size": 64, "intermediate_size": 176, "num_hidden_layers": 2,
           "num_attention_heads": 8, "num_key_value_heads": 2}
ENCODER = {"vocab_size": 1000, "hidden_size": 64, "intermediate_size": 256, "num_hidden_layers": 2,
           "num_attention_heads": 4}
# fmt: on


def analysed(target: str) -> tuple[LoadedModel, Analysis]:
    """The model as if a caller had built it, so that all of it must be left as it was."""
    loaded = load(ModelRequest(target))
    assert isinstance(loaded, LoadedModel)
    loaded = replace(loaded, owned=False)
    return loaded, audited((loaded.module, loaded.candidates), lambda: analyze_loaded(loaded))


def of_config(folder: Path, model_type: str, architecture: str, **entries: Any) -> tuple[LoadedModel, Analysis]:
    config = {"model_type": model_type, "architectures": [architecture], **entries}
    (folder / "config.json").write_text(json.dumps(config))
    return analysed(f"transformers:{folder}")


def by_torch(loaded: LoadedModel) -> int:
    """Half of what torch's own counter counts, on meta tensors."""
    counter, inputs = FlopCounterMode(display=False), loaded.candidates[0]
    args = [META.make_input(spec, loaded.module) for spec in inputs.args]
    kwargs = {name: META.make_input(spec, loaded.module) for name, spec in inputs.kwargs.items()}
    with torch.no_grad(), counter:
        loaded.module.to("meta")(*args, **kwargs)
    return counter.get_total_flops() // 2


def check(loaded: LoadedModel, analysis: Analysis) -> None:
    assert (analysis.complete, analysis.tracing.mode) == (True, "meta")
    assert analysis.total.params == sum(parameter.numel() for parameter in loaded.module.parameters())
    assert analysis.total.macs == sum(layer.macs for layer in analysis.layers)


@pytest.mark.parametrize("name", TIMM.split())
def test_timm(name: str) -> None:
    loaded, analysis = analysed(f"timm:{name}")
    check(loaded, analysis)
    assert analysis.total.macs == by_torch(loaded) > 0


@pytest.mark.parametrize(
    ("name", "params", "gmacs"),
    [
        ("resnet18", 11_689_512, 1.814),
        ("mobilenetv2_100", 3_504_872, 0.301),
        ("densenet121", 7_978_856, 2.834),
        ("vgg11", 132_863_336, 7.609),
    ],
)
def test_what_timm_and_torchvision_share_is_as_torchvision_publishes(name: str, params: int, gmacs: float) -> None:
    total = analysed(f"timm:{name}")[1].total
    assert (total.params, round(total.macs / 1e9, 3)) == (params, gmacs)


def test_convmixer_by_hand() -> None:
    """32 blocks of a depthwise 7×7 and a pointwise convolution on 768 channels of 32 × 32 patches."""
    _, analysis = analysed("timm:convmixer_768_32")
    patches = 768 * 3 * 7 * 7
    block = 768 * 7 * 7 + 768 * 768
    assert analysis.total.macs == (patches + 32 * block) * 32 * 32 + 768 * 1000


@pytest.mark.parametrize(
    ("model_type", "architecture", "entries"),
    [
        ("bert", "BertForMaskedLM", ENCODER),
        ("modernbert", "ModernBertForMaskedLM", {**ENCODER, "pad_token_id": 0}),
        ("t5", "T5ForConditionalGeneration", {"vocab_size": 1000, "d_model": 64, "num_layers": 2, "num_heads": 4}),
        ("vit", "ViTForImageClassification", ENCODER),
        ("wav2vec2", "Wav2Vec2ForCTC", ENCODER),
        ("segformer", "SegformerForSemanticSegmentation", {}),
    ],
)
def test_transformers(model_type: str, architecture: str, entries: dict[str, Any], tmp_path: Path) -> None:
    loaded, analysis = of_config(tmp_path, model_type, architecture, **entries)
    check(loaded, analysis)
    assert analysis.total.macs == by_torch(loaded) > 0


TOKENS, WIDTH, FFN, HEADS, GROUPS, HEAD = 128, 64, 176, 8, 2, 8
ATTENTION = TOKENS * WIDTH * (2 * HEADS + 2 * GROUPS) * HEAD + 2 * TOKENS * TOKENS * HEADS * HEAD
"""Query, key, value and output projections of grouped-query attention, then scores and weighted values, dense."""
HEAD_OF_MODEL = TOKENS * WIDTH * 1000


@pytest.mark.parametrize(
    ("model_type", "architecture"),
    [("llama", "LlamaForCausalLM"), ("mistral", "MistralForCausalLM"), ("qwen2", "Qwen2ForCausalLM")],
)
def test_grouped_query_decoders(model_type: str, architecture: str, tmp_path: Path) -> None:
    loaded, analysis = of_config(tmp_path, model_type, architecture, **DECODER)
    check(loaded, analysis)
    assert analysis.total.macs == 2 * (ATTENTION + TOKENS * 3 * WIDTH * FFN) + HEAD_OF_MODEL


@pytest.mark.parametrize(("chosen", "experts"), [(1, 4), (2, 8), (8, 8)])
def test_every_token_meets_its_experts_only(chosen: int, experts: int, tmp_path: Path) -> None:
    sizes = {"num_local_experts": experts, "num_experts_per_tok": chosen}
    loaded, analysis = of_config(tmp_path, "mixtral", "MixtralForCausalLM", **DECODER, **sizes)
    check(loaded, analysis)
    router, expert = TOKENS * WIDTH * experts, TOKENS * 3 * WIDTH * FFN
    assert analysis.total.macs == 2 * (ATTENTION + router + chosen * expert) + HEAD_OF_MODEL
    weights = 2 * (experts * 3 * WIDTH * FFN + experts * WIDTH + WIDTH * (2 * HEADS + 2 * GROUPS) * HEAD + 2 * WIDTH)
    assert analysis.total.params == weights + 2 * 1000 * WIDTH + WIDTH


def test_shared_experts_and_compressed_keys(tmp_path: Path) -> None:
    """DeepSeek: a dense first layer, then 2 of 8 experts and a shared one; keys and values from a latent of 16."""
    loaded, analysis = of_config(
        tmp_path,
        "deepseek_v3",
        "DeepseekV3ForCausalLM",
        **DECODER | {"num_key_value_heads": HEADS},
        **{"n_routed_experts": 8, "num_experts_per_tok": 2, "n_shared_experts": 1, "moe_intermediate_size": 32},
        **{"n_group": 2, "topk_group": 1, "first_k_dense_replace": 1, "q_lora_rank": 24, "kv_lora_rank": 16},
        **{"qk_nope_head_dim": 8, "qk_rope_head_dim": 4, "v_head_dim": 8},
    )
    check(loaded, analysis)
    query = WIDTH * 24 + 24 * HEADS * 12
    key_value = WIDTH * (16 + 4) + 16 * HEADS * (8 + 8)
    attention = TOKENS * (query + key_value + HEADS * 8 * WIDTH) + TOKENS * TOKENS * HEADS * (12 + 8)
    experts = TOKENS * (WIDTH * 8 + (2 + 1) * 3 * WIDTH * 32)
    assert analysis.total.macs == 2 * attention + TOKENS * 3 * WIDTH * FFN + experts + HEAD_OF_MODEL
