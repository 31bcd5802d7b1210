"""Models of transformers are built from a config.json alone, with inputs of every modality."""

import json
import sys

import pytest

from analyzer.loading import load
from analyzer.values.errors import Problem
from analyzer.values.requests import ModelRequest

pytest.importorskip("transformers")

SMALL = {"num_hidden_layers": 1, "hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 8}
HEADS = {"encoder_attention_heads": 2, "decoder_attention_heads": 2}


@pytest.fixture
def folder(tmp_path):
    def written(**entries):
        (tmp_path / "config.json").write_text(json.dumps(entries))
        return f"transformers:{tmp_path}"

    return written


@pytest.mark.parametrize(
    ("entries", "kind", "inputs"),
    [
        (
            {"model_type": "bert", "architectures": ["BertForMaskedLM"], "vocab_size": 50, **SMALL},
            "BertForMaskedLM",
            {"input_ids": (1, 128)},
        ),
        ({"model_type": "bert", "max_position_embeddings": 16, **SMALL}, "BertModel", {"input_ids": (1, 16)}),
        ({"model_type": "bert", "architectures": ["Unheard"], **SMALL}, "BertModel", {"input_ids": (1, 128)}),
        (
            {"model_type": "llama", "architectures": ["LlamaForCausalLM"], **SMALL},
            "LlamaForCausalLM",
            {"input_ids": (1, 128)},
        ),
        ({"model_type": "dac", "architectures": ["DacModel"]}, "DacModel", {"input_values": (1, 1, 16000)}),
        (
            {"model_type": "encodec", "architectures": ["EncodecModel"], "audio_channels": 2},
            "EncodecModel",
            {"input_values": (1, 2, 16000)},
        ),
        (
            {"model_type": "patchtst", "context_length": 64, "num_input_channels": 3},
            "PatchTSTModel",
            {"past_values": (1, 64, 3)},
        ),
        (
            {"model_type": "vilt", "image_size": 64, **SMALL},
            "ViltModel",
            {"input_ids": (1, 40), "pixel_values": (1, 3, 64, 64)},
        ),
        (
            {"model_type": "t5", "architectures": ["T5ForConditionalGeneration"], "num_layers": 1, "d_model": 8},
            "T5ForConditionalGeneration",
            {"input_ids": (1, 128), "decoder_input_ids": (1, 128)},
        ),
        ({"model_type": "vit", "image_size": 32, **SMALL}, "ViTModel", {"pixel_values": (1, 3, 32, 32)}),
        ({"model_type": "yolos", "image_size": [32, 64], **SMALL}, "YolosModel", {"pixel_values": (1, 3, 32, 64)}),
        ({"model_type": "videomae", "num_frames": 4, **SMALL}, "VideoMAEModel", {"pixel_values": (1, 4, 3, 224, 224)}),
        (
            {"model_type": "wav2vec2", "hidden_size": 16, **SMALL} | {"hidden_size": 16},
            "Wav2Vec2Model",
            {"input_values": (1, 16000)},
        ),
        (
            {
                **{"model_type": "speecht5", "architectures": ["SpeechT5ForSpeechToSpeech"], "hidden_size": 16},
                **{"num_mel_bins": 20, "speaker_embedding_dim": 8, "speech_decoder_postnet_units": 16},
                **{f"{side}_{part}": 2 for side in ("encoder", "decoder") for part in ("layers", "attention_heads")},
            },
            "SpeechT5ForSpeechToSpeech",
            {"input_values": (1, 16000), "decoder_input_values": (1, 128, 20), "speaker_embeddings": (1, 8)},
        ),
        (
            {"model_type": "whisper", "d_model": 8, "encoder_layers": 1, "decoder_layers": 1, **HEADS},
            "WhisperModel",
            {"input_features": (1, 80, 3000), "decoder_input_ids": (1, 128)},
        ),
        (
            {"model_type": "clip"},
            "CLIPModel",
            {"input_ids": (1, 77), "pixel_values": (1, 3, 224, 224)},
        ),
    ],
)
def test_a_model_and_its_inputs(folder, entries, kind, inputs):
    loaded = load(ModelRequest(folder(**entries)))
    first = loaded.candidates[0]
    assert (loaded.kind, first.args) == (kind, ())
    assert {name: spec.shape for name, spec in first.kwargs.items()} == inputs
    assert all(parameter.is_meta for parameter in loaded.module.parameters())


def test_tokens_are_below_the_vocabulary_and_no_cache_is_kept(folder):
    loaded = load(
        ModelRequest(
            folder(model_type="gpt2", vocab_size=50, n_layer=1, n_embd=8, n_head=2, bos_token_id=1, eos_token_id=1)
        )
    )
    assert loaded.candidates[0].kwargs["input_ids"].high == 50
    assert loaded.module.config.use_cache is False


def test_settings_change_the_configuration(folder):
    loaded = load(ModelRequest(folder(model_type="bert", **SMALL), settings={"num_hidden_layers": "3"}))
    assert len(loaded.module.encoder.layer) == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "config.json: no such file; transformers:DIR wants a directory that holds a config.json"),
        ("{", "config.json is not JSON (Expecting property name"),
        ("[]", 'config.json has no "model_type" to tell the architecture'),
        ("{}", 'config.json has no "model_type" to tell the architecture'),
        (
            '{"model_type": "unheard", "auto_map": {"AutoModel": "code.Model"}}',
            "does not know model type 'unheard'; code that comes with a model is never run",
        ),
    ],
)
def test_a_bad_directory_is_told(tmp_path, text, message):
    if text is not None:
        (tmp_path / "config.json").write_text(text)
    with pytest.raises(Problem) as caught:
        load(ModelRequest(f"transformers:{tmp_path}"))
    assert message in str(caught.value)


def test_code_beside_the_configuration_is_never_run(folder, tmp_path):
    (tmp_path / "modeling.py").write_text("raise SystemExit('ran')")
    target = folder(model_type="bert", auto_map={"AutoModel": "modeling.Model", "AutoConfig": "modeling.C"}, **SMALL)
    assert load(ModelRequest(target)).kind == "BertModel"


def test_an_unknown_setting_is_told(folder):
    with pytest.raises(Problem, match=r"config\.json has no entry 'nonsense' that --set could change$"):
        load(ModelRequest(folder(model_type="bert", **SMALL), settings={"nonsense": "3"}))


def test_without_transformers_it_is_said_how_to_get_it(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(Problem, match=r"^transformers is not installed; install it with pip install transformers$"):
        load(ModelRequest(folder(model_type="bert")))
