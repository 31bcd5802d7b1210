"""What is to be analysed and gated: the configured models, or the command line's targets."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from analyzer.config.tables import Budget, Bytes, Config, CountLimit
from analyzer.values import amounts
from analyzer.values.errors import Problem
from analyzer.values.requests import NO_MODEL, TIMEOUT, ModelRequest, file_and_name

EVERYTHING: Final = Budget()
"""All layers, limited in nothing."""
COMMAND_LINE: Final = "command line"
"""The name of a budget that the command line gives."""


@dataclass(frozen=True, slots=True)
class PlannedModel:
    """A model to analyse, and what it is held to."""

    request: ModelRequest
    budgets: tuple[Budget, ...] = ()
    formerly: str = ""
    """What the base calls it, where the configuration says so."""

    @property
    def limits_growth(self) -> bool:
        """Whether a limit depends on there being a base."""
        limited = (
            b.max_degree == "base" or any(i.shares for i in b.increases) for b in self.budgets if b.level == "error"
        )
        return any(limited)


@dataclass(frozen=True, slots=True)
class Plan:
    """Models whose targets and checkpoints are relative to a directory."""

    models: tuple[PlannedModel, ...]
    directory: Path
    config: Config | None = None
    given: ModelRequest = NO_MODEL
    """What the command line says of every model, without a target: it holds for the base as well."""
    timeout: float | None = TIMEOUT
    """Most seconds for a model's analysis, at the base as well; None for no limit."""


def plan_for(
    config: Config | None,
    asked: Sequence[ModelRequest] = (),
    given: ModelRequest = NO_MODEL,
    limits: Mapping[str, str | None] = {},
) -> Plan:
    """All configured models when none is asked for, else those, each with its budgets if it is configured.

    `given` is what the command line says of every model; its `limits`, text by metric, are added to every model.
    Problem without any model.
    """
    budgets = command_line_budgets(limits)
    if asked:
        directory = Path.cwd()
        known = [_known(request, config, directory) for request in asked]
    else:
        configured = _configured(config)
        directory = configured.directory.absolute()
        known = [PlannedModel(model.request, model.budgets, model.formerly) for model in configured.models]
    models = (
        replace(model, request=overridden(model.request, given), budgets=(*model.budgets, *budgets)) for model in known
    )
    return Plan(tuple(models), directory, config, given)


def _configured(config: Config | None) -> Config:
    if config is None:
        raise Problem("no target given and no configuration found; name a model, or write one with analyze --init")
    if not config.models:
        raise Problem(f"{config.file} names no model; add [[models]] with a target, or give a target")
    return config


def overridden(request: ModelRequest, given: ModelRequest) -> ModelRequest:
    """The request with what the command line says of every model in its place."""
    return replace(
        request,
        inputs=given.inputs or request.inputs,
        settings={**request.settings, **given.settings},
        trust=given.trust,
    )


def command_line_budgets(limits: Mapping[str, str | None]) -> tuple[Budget, ...]:
    """One budget of all limits that were given; Problem names the option of one that cannot be read."""
    found: dict[str, Any] = {}
    for metric, text in limits.items():
        if text is None:
            continue
        try:
            limit = Bytes(amounts.nbytes(text)) if metric in amounts.BYTES else CountLimit(amounts.count(text))
            found[metric.replace("-", "_")] = limit
        except ValueError as error:
            raise Problem(f"--max-{metric} {text}: {error}") from None
    return (Budget(name=COMMAND_LINE, **found),) if found else ()


def _known(asked: ModelRequest, config: Config | None, directory: Path) -> PlannedModel:
    """The configured model that the target names by its place; else one without a budget."""
    models = config.models if config else ()
    home = config.directory.absolute() if config else directory
    wanted = place_of(asked.target, directory)
    known = next((model for model in models if place_of(model.target, home) == wanted), None)
    if known is None:
        return PlannedModel(asked)
    moved = os.path.relpath(home / known.checkpoint, directory) if known.checkpoint else None
    checkpoint = asked.checkpoint or moved
    request = replace(known.request, target=asked.target, checkpoint=checkpoint)
    return PlannedModel(request, known.budgets, known.formerly)


def place_of(target: str, directory: Path) -> tuple[str, str]:
    """What identifies a target: its file in full and the name in it; else the target itself, and no name."""
    file, name = file_and_name(target)
    if file.endswith(".py") or ":" not in target:
        return os.path.normpath(directory / file), name
    return target, ""
