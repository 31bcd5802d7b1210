"""What is to be analysed and gated: the configured models, or the command line's targets."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from analyzer.config import BYTES, Budget, Config, ModelConfig
from analyzer.config.tables import Bytes, CountLimit
from analyzer.values import amounts
from analyzer.values.errors import Problem

EVERYTHING: Final = Budget()
"""All layers, limited in nothing."""
COMMAND_LINE: Final = "command line"
"""The name of a budget that the command line gives."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Models whose targets and checkpoints are relative to a directory."""

    models: tuple[ModelConfig, ...]
    directory: Path
    config: Config | None = None
    inputs: tuple[str, ...] = ()
    """Inputs from the command line: they hold for the base as well."""
    settings: Mapping[str, str] | None = None
    """The builder's arguments from the command line: they hold for the base as well."""

    def told(self, model: ModelConfig) -> ModelConfig:
        """The model with what the command line says of it."""
        given: dict[str, Any] = {"input": self.inputs} if self.inputs else {}
        given |= {"set": {**model.set, **self.settings}} if self.settings else {}
        return msgspec.structs.replace(model, **given)


def plan_for(
    config: Config | None,
    targets: Sequence[str] = (),
    *,
    inputs: Sequence[str] = (),
    checkpoints: Sequence[str] = (),
    settings: Mapping[str, str] = {},
    limits: Mapping[str, str | None] = {},
) -> Plan:
    """All configured models without a target, else the targets, each with its budgets if it is configured.

    `limits` are the command line's, text by metric; they are added to every model. Problem without any model.
    """
    budgets = command_line_budgets(limits)
    if not targets:
        return _configured(config, budgets, tuple(inputs), settings)
    directory = Path.cwd()
    models = [_asked_for(target, config, directory) for target in targets]
    weights: Sequence[str | None] = checkpoints or [None] * len(models)
    models = [_with(model, budgets, checkpoint) for model, checkpoint in zip(models, weights, strict=True)]
    return _told(Plan(tuple(models), directory, config, tuple(inputs), dict(settings)))


def _configured(
    config: Config | None, budgets: tuple[Budget, ...], inputs: tuple[str, ...], settings: Mapping[str, str]
) -> Plan:
    if config is None:
        raise Problem("no target given and no configuration found; name a model, or write one with analyze --init")
    if not config.models:
        raise Problem(f"{config.file} names no model; add [[models]] with a target, or give a target")
    models = tuple(_with(model, budgets, None) for model in config.models)
    return _told(Plan(models, config.directory.absolute(), config, inputs, dict(settings)))


def _told(plan: Plan) -> Plan:
    """The plan with the command line's inputs and settings in its models."""
    models = tuple(plan.told(model) for model in plan.models)
    return Plan(models, plan.directory, plan.config, plan.inputs, plan.settings)


def command_line_budgets(limits: Mapping[str, str | None]) -> tuple[Budget, ...]:
    """One budget of all limits that were given; Problem names the option of one that cannot be read."""
    found: dict[str, Any] = {}
    for metric, text in limits.items():
        if text is None:
            continue
        try:
            found[metric.replace("-", "_")] = _limit(metric, text)
        except ValueError as error:
            raise Problem(f"--max-{metric} {text}: {error}") from None
    return (Budget(name=COMMAND_LINE, **found),) if found else ()


def _limit(metric: str, text: str) -> CountLimit | Bytes:
    return Bytes(amounts.nbytes(text)) if metric in BYTES else CountLimit(amounts.count(text))


def _asked_for(target: str, config: Config | None, directory: Path) -> ModelConfig:
    """The configured model that the target names, by its name or by its place; else one without a budget."""
    models = config.models if config else ()
    home = config.directory.absolute() if config else directory
    wanted = place_of(target, directory)
    known = next((model for model in models if place_of(model.target, home) == wanted), None)
    if known is None:
        return ModelConfig(target=target)
    moved = os.path.relpath(home / known.checkpoint, directory) if known.checkpoint else None
    return msgspec.structs.replace(known, target=target, checkpoint=moved)


def _with(model: ModelConfig, budgets: tuple[Budget, ...], checkpoint: str | None) -> ModelConfig:
    return msgspec.structs.replace(model, budgets=(*model.budgets, *budgets), checkpoint=checkpoint or model.checkpoint)


def place_of(target: str, directory: Path) -> tuple[str, str]:
    """What tells targets apart: a file and a name in it, wherever they are named from; else the target itself."""
    file, colon, name = target.rpartition(":") if ".py:" in target else (target, "", "")
    if file.endswith(".py") or (not colon and ":" not in target):
        return os.path.normpath(directory / file), name
    return target, ""
