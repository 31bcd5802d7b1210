"""Models of transformers, built from a directory's config.json without network or remote code."""

from __future__ import annotations

import inspect
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from analyzer.loading.foreign_files import refuse_pointer
from analyzer.loading.inputs.example_inputs import assumed, computed_in, floating_dtype
from analyzer.loading.loaded_model import Inputs, InputSpec
from analyzer.loading.misspelling import similar
from analyzer.loading.python.builder_arguments import literal
from analyzer.loading.recipe import Built, Recipe
from analyzer.loading.sources import definition_of
from analyzer.loading.zoos import installed
from analyzer.values.errors import Problem
from analyzer.values.requests import ModelRequest

PREFIX = "transformers:"
TOKENS = 128
SPEECH_SAMPLES = 16000
SPEECH_FRAMES = 3000


def of_target(request: ModelRequest) -> Recipe:
    """The recipe for a directory with a config.json; settings override its entries.

    Raises Problem without such a file, for a type of model that transformers does not know, and for unknown entries.
    """
    folder = Path(request.target.removeprefix(PREFIX))
    stored = _stored_config(folder)
    transformers = installed("transformers")
    logging.getLogger("transformers").setLevel(logging.ERROR)  # it speaks of speed and training
    settings = {name: literal(value) for name, value in request.settings.items()}
    config = _config(transformers, folder, stored, settings)

    def make() -> Built:
        module = _model(transformers, config, stored)
        return Built(module, definition_of(type(module)), _declared(module, config, folder))

    return Recipe(folder.name or folder.resolve().name, make)


def _stored_config(folder: Path) -> Mapping[str, Any]:
    path = folder / "config.json"
    if not path.is_file():
        raise Problem(f"{path}: no such file; {PREFIX}DIR wants a directory that holds a config.json{similar(folder)}")
    refuse_pointer(path)
    try:
        stored = json.loads(path.read_text())
    except (ValueError, RecursionError) as error:
        raise Problem(f"{path} is not JSON ({error}); copy it again") from None
    if not isinstance(stored, dict) or not isinstance(stored.get("model_type"), str):
        raise Problem(f'{path} has no "model_type" to tell the architecture; give the directory of a whole model')
    return stored


def _config(transformers: Any, folder: Path, stored: Mapping[str, Any], settings: Mapping[str, Any]) -> Any:
    known = transformers.models.auto.configuration_auto.CONFIG_MAPPING
    if stored["model_type"] not in known:
        raise Problem(
            f"{folder / 'config.json'}: this transformers does not know model type {stored['model_type']!r}; code that "
            "comes with a model is never run, so give a Python file that builds it"
        )
    try:
        config, unknown = transformers.AutoConfig.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False, return_unused_kwargs=True, **settings
        )
    except Exception as error:
        raise Problem(f"{folder / 'config.json'}: {' '.join(str(error).split())}") from error
    if unknown:
        raise Problem(f"{folder / 'config.json'} has no entry {next(iter(unknown))!r} that --set could change")
    return config


def _model(transformers: Any, config: Any, stored: Mapping[str, Any]) -> Any:
    """The class that the config names, else the base model of its type."""
    if hasattr(config, "use_cache"):
        config.use_cache = False
    name = next(iter(stored.get("architectures") or ()), None)
    kind = getattr(transformers, name, None) if isinstance(name, str) else None
    if isinstance(kind, type) and hasattr(kind, "_from_config"):
        return kind._from_config(config)
    return transformers.AutoModel.from_config(config, trust_remote_code=False)


def _declared(module: Any, config: Any, folder: Path) -> tuple[Inputs, ...]:
    """Examples of what the model's `main_input_name` says, with image, text or decoder tokens where it takes them."""
    main, takes = module.main_input_name, inspect.signature(module.forward).parameters
    specs = {main: _main_input(main, config)}
    if getattr(config, "is_encoder_decoder", False) and "decoder_input_ids" in takes:
        specs["decoder_input_ids"] = _token_ids(config)
    specs |= {name: spec for name, spec in _spoken(config).items() if name in takes}
    both = {"input_ids": _token_ids(config), "pixel_values": _pixels(config)}
    needs_text = "input_ids" in takes and takes["input_ids"].default is inspect.Parameter.empty
    sees = _first(config, "image_size") is not None or needs_text
    is_dual = both.keys() <= takes.keys() and sees
    options = [both | specs, specs] if is_dual else [specs]
    floating = floating_dtype(module)
    return tuple(_named(option, floating, f"the configuration in {folder.name}") for option in options)


def _named(plain: Mapping[str, InputSpec], floating: str, reason: str) -> Inputs:
    specs = {name: computed_in(spec, floating) for name, spec in plain.items()}
    return Inputs((), specs, assumed([tuple(specs.values())], reason, tuple(specs))[0].assumption)


def _main_input(name: str, config: Any) -> InputSpec:
    if name in ("pixel_values", "pixel_values_videos"):
        return _pixels(config)
    if name == "input_values" and hasattr(config, "max_length"):
        return InputSpec((1, config.max_length, getattr(config, "num_mel_bins", 128)))
    if name == "input_values":
        return _waveform(config)
    if name == "past_values":
        return InputSpec((1, config.context_length, config.num_input_channels))
    if name == "input_features":
        return _features(config)
    return _token_ids(config)


def _first(config: Any, *names: str) -> Any:
    """The first of these entries that the config, or its vision or text part, has."""
    parts = [config, *(getattr(config, part, None) for part in ("vision_config", "text_config", "backbone_config"))]
    values = (getattr(part, name, None) for part in parts if part is not None for name in names)
    return next((value for value in values if value is not None), None)


def _token_ids(config: Any) -> InputSpec:
    positions = _first(config, "max_position_embeddings", "max_target_positions", "n_positions")
    length = min(TOKENS, positions) if isinstance(positions, int) and positions > 0 else TOKENS
    return InputSpec((1, length), "int64", _first(config, "vocab_size") or 2)


def _pixels(config: Any) -> InputSpec:
    size = _first(config, "image_size", "input_size", "crop_size") or 224
    sizes = tuple(size)[-2:] if isinstance(size, (list, tuple)) else (size, size)
    channels = _first(config, "num_channels", "num_input_channels") or 3
    frames = _first(config, "num_frames", "frames_per_clip")
    return InputSpec((1, *((frames,) if frames else ()), channels, *sizes))


def _waveform(config: Any) -> InputSpec:
    """Codecs take channels, of which dac has one without saying so."""
    channels = 1 if config.model_type == "dac" else getattr(config, "audio_channels", None)
    return InputSpec((1, *((channels,) if channels else ()), SPEECH_SAMPLES))


def _spoken(config: Any) -> dict[str, InputSpec]:
    """What a decoder that speaks reads besides: mel frames so far, and whose voice it is."""
    bins, voice = getattr(config, "num_mel_bins", None), getattr(config, "speaker_embedding_dim", None)
    if not getattr(config, "is_encoder_decoder", False) or bins is None or voice is None:
        return {}
    return {"decoder_input_values": InputSpec((1, TOKENS, bins)), "speaker_embeddings": InputSpec((1, voice))}


def _features(config: Any) -> InputSpec:
    """Whisper takes mel bins × frames, the other speech models frames × bins."""
    bins = _first(config, "num_mel_bins", "input_feat_per_channel", "feature_projection_input_dim") or 80
    source = getattr(config, "max_source_positions", None)
    if getattr(config, "model_type", "") == "whisper":
        return InputSpec((1, bins, 2 * source if source else SPEECH_FRAMES))
    return InputSpec((1, min(SPEECH_FRAMES, source or 1000), bins))
