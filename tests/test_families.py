"""Real families beyond torchvision: complete, on the backend they should be on, and equal to independent counts."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from state_audit import audited
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from analyzer import Analysis
from analyzer.analysis import study
from analyzer.loading import from_module, load
from analyzer.loading.loaded_model import LoadedModel
from analyzer.tracing.backends import META
from analyzer.values.requests import ModelRequest

pytest.importorskip("timm")
transformers = pytest.importorskip("transformers")

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
    return loaded, audited((loaded.module, loaded.candidates), lambda: study(loaded).analysis)


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


CROSS = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
SPEECH = {
    **{"conv_dim": (8, 8), "conv_kernel": (10, 3), "conv_stride": (5, 2), "num_feat_extract_layers": 2},
    **{"num_conv_pos_embeddings": 4, "num_conv_pos_embedding_groups": 2, "vocab_size": 40},
}
STACKS = {
    **{f"{side}_layers": 2 for side in ("encoder", "decoder")},
    **{f"{side}_attention_heads": 2 for side in ("encoder", "decoder")},
    **{f"{side}_ffn_dim": 32 for side in ("encoder", "decoder")},
}
IDS = {"decoder_input_ids": torch.ones(1, 5, dtype=torch.long)}


def speech_to_text() -> tuple[nn.Module, dict[str, torch.Tensor]]:
    config = transformers.SpeechT5Config(hidden_size=16, num_mel_bins=20, **STACKS, **SPEECH)
    return transformers.SpeechT5ForSpeechToText(config), {"input_values": torch.randn(1, 400), **IDS}


def speech_to_speech() -> tuple[nn.Module, dict[str, torch.Tensor]]:
    sizes = {"speaker_embedding_dim": 8, "speech_decoder_prenet_units": 16, "speech_decoder_postnet_units": 16}
    config = transformers.SpeechT5Config(hidden_size=16, num_mel_bins=20, **STACKS, **SPEECH, **sizes)
    config.speech_decoder_prenet_dropout = 0.0  # drawn in evaluation too
    frames = {"decoder_input_values": torch.randn(1, 6, 20), "speaker_embeddings": torch.randn(1, 8)}
    return transformers.SpeechT5ForSpeechToSpeech(config), {"input_values": torch.randn(1, 400), **frames}


def speech_and_text() -> tuple[nn.Module, dict[str, torch.Tensor]]:
    parts = transformers.Wav2Vec2Config(**CROSS, **SPEECH), transformers.BertConfig(vocab_size=40, **CROSS)
    config = transformers.SpeechEncoderDecoderConfig.from_encoder_decoder_configs(*parts)
    return transformers.SpeechEncoderDecoderModel(config), {"input_values": torch.randn(1, 400), **IDS}


def whisper() -> tuple[nn.Module, dict[str, torch.Tensor]]:
    sizes = {"max_source_positions": 20, "max_target_positions": 20, "num_mel_bins": 8, "vocab_size": 60}
    tokens = {f"{name}_token_id": 1 for name in ("pad", "bos", "eos", "decoder_start")}
    config = transformers.WhisperConfig(d_model=16, **STACKS, **sizes, **tokens)
    return transformers.WhisperForConditionalGeneration(config), {"input_features": torch.randn(1, 8, 40), **IDS}


def moonshine() -> tuple[nn.Module, dict[str, torch.Tensor]]:
    sizes = {
        f"{side}_num_{part}": 2 for side in ("encoder", "decoder") for part in ("hidden_layers", "attention_heads")
    }
    config = transformers.MoonshineConfig(vocab_size=60, hidden_size=16, intermediate_size=32, **sizes)
    return transformers.MoonshineForConditionalGeneration(config), {"input_values": torch.randn(1, 2000), **IDS}


def filterbanks() -> tuple[nn.Module, dict[str, torch.Tensor]]:
    sizes = {"d_model": 16, "conv_channels": 8, "input_feat_per_channel": 8, "vocab_size": 60}
    config = transformers.Speech2TextConfig(**STACKS, **sizes)
    return transformers.Speech2TextForConditionalGeneration(config), {"input_features": torch.randn(1, 40, 8), **IDS}


def captions(decoder: Any) -> tuple[nn.Module, dict[str, torch.Tensor]]:
    encoder = transformers.ViTConfig(image_size=16, patch_size=8, **CROSS)
    config = transformers.VisionEncoderDecoderConfig.from_encoder_decoder_configs(encoder, decoder)
    return transformers.VisionEncoderDecoderModel(config), {"pixel_values": torch.randn(1, 3, 16, 16), **IDS}


def trocr() -> tuple[nn.Module, dict[str, torch.Tensor]]:
    sizes = {name: value for name, value in STACKS.items() if name.startswith("decoder")}
    return captions(transformers.TrOCRConfig(vocab_size=60, d_model=16, cross_attention_hidden_size=16, **sizes))


def gpt2_with_images() -> tuple[nn.Module, dict[str, torch.Tensor]]:
    return captions(transformers.GPT2Config(vocab_size=60, n_embd=16, n_layer=2, n_head=2, n_positions=20))


def blip() -> tuple[nn.Module, dict[str, torch.Tensor]]:
    text = {"vocab_size": 60, "encoder_hidden_size": 16, "projection_dim": 16, "bos_token_id": 1, **CROSS}
    image = {"image_size": 16, "patch_size": 8, "projection_dim": 16, **CROSS}
    ends = {"pad_token_id": 0, "sep_token_id": 2, "eos_token_id": 2}
    config = transformers.BlipConfig(text_config={**text, **ends}, vision_config=image, projection_dim=16)
    inputs = {"pixel_values": torch.randn(1, 3, 16, 16), "input_ids": IDS["decoder_input_ids"]}
    return transformers.BlipForConditionalGeneration(config), inputs


def mllama() -> tuple[nn.Module, dict[str, torch.Tensor]]:
    rope = {"rope_type": "default", "rope_theta": 10_000.0}
    text = {"vocab_size": 60, "num_key_value_heads": 1, "cross_attention_layers": [1], "pad_token_id": 0, **CROSS}
    image = {"hidden_size": 16, "attention_heads": 2, "num_hidden_layers": 2, "num_global_layers": 1, "image_size": 28}
    tiles = {"max_num_tiles": 2, "supported_aspect_ratios": [[1, 1], [1, 2], [2, 1]], "patch_size": 14}
    layers = {"intermediate_layers_indices": [0], "vision_output_dim": 32, "intermediate_size": 32}
    configs = {"text_config": {**text, "rope_parameters": rope}, "vision_config": {**image, **tiles, **layers}}
    config = transformers.MllamaConfig(**configs, image_token_index=59)
    inputs = {"pixel_values": torch.randn(1, 1, 2, 3, 28, 28)}
    ones = {"aspect_ratio_ids": (1, 1), "aspect_ratio_mask": (1, 1, 2), "cross_attention_mask": (1, 5, 1, 2)}
    inputs |= {name: torch.ones(shape, dtype=torch.long) for name, shape in {**ones, "input_ids": (1, 5)}.items()}
    return transformers.MllamaForConditionalGeneration(config), inputs


@pytest.mark.parametrize(
    "make",
    [
        speech_to_text,
        speech_to_speech,
        speech_and_text,
        whisper,
        moonshine,
        filterbanks,
        trocr,
        gpt2_with_images,
        blip,
        mllama,
    ],
)
def test_cross_attention_to_convolved_input(make: Callable[[], tuple[nn.Module, dict[str, torch.Tensor]]]) -> None:
    """All stages pass, advice and fields included, and the total is that of an independent count."""
    model, inputs = make()
    analysis = study(from_module(model.eval(), (), inputs)).analysis
    assert (analysis.tracing.mode, analysis.complete, analysis.absences) == ("meta", True, ())
    assert analysis.total.macs == macs_of(model, inputs) > 0


def macs_of(model: nn.Module, inputs: dict[str, torch.Tensor]) -> int:
    """Half of what torch counts where attention is written out."""
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        model(**inputs)
    return counter.get_total_flops() // 2
