"""Networks of the three zoos at their smallest: few pictures of 64×64 where the network takes these."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import nn
from transformers_configs import CONFIGS

from analyzer.loading import from_module, load
from analyzer.loading.loaded_model import LoadedModel
from analyzer.values.requests import ModelRequest


def networks(
    folder: Path, names: Mapping[str, str], wanted: list[str], batch: int, sizes: Mapping[str, int]
) -> Iterator[tuple[str, LoadedModel]]:
    """Each network of `names`, by zoo, with its target; `wanted` restricts them, `sizes` those of other pictures."""
    for target in (f"{zoo}:{name}" for zoo, listed in names.items() for name in listed.split()):
        if not wanted or target in wanted:
            zoo, _, name = target.partition(":")
            yield target, _configured(folder, name) if zoo == "transformers" else _pictures(zoo, name, batch, sizes)


def _configured(folder: Path, kind: str) -> LoadedModel:
    (folder / kind).mkdir()
    (folder / kind / "config.json").write_text(json.dumps({"model_type": kind, **CONFIGS[kind]}))
    loaded = load(ModelRequest(f"transformers:{folder / kind}"))
    assert isinstance(loaded, LoadedModel)
    return loaded


def _pictures(zoo: str, name: str, batch: int, sizes: Mapping[str, int]) -> LoadedModel:
    module, size = _built(zoo, name)
    size = sizes.get(name, size)
    shape = (batch, 3, 4, size, size) if name == "r2plus1d_18" else (batch, 3, size, size)
    return from_module(module, (torch.rand(shape),), {})


def _built(zoo: str, name: str) -> tuple[nn.Module, int]:
    """The network and the height of its pictures."""
    if zoo == "timm":
        import timm

        module = timm.create_model(name)
        return module, module.default_cfg["input_size"][-1]
    from torchvision.models import get_model

    backbone = {"weights_backbone": None} if name.startswith(("fcn", "lraspp", "deeplab")) else {}
    return get_model(name, weights=None, **backbone), 64
