"""A first configuration for a model, with limits at today's numbers plus headroom."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from analyzer.gating.budget import measured
from analyzer.gating.plan import EVERYTHING
from analyzer.values import amounts
from analyzer.values.results import Analysis

TODAY: Final = {"params": "parameters", "macs": "multiply-accumulates", "size": "bytes of parameters"}
HEADER: Final = """\
# What the models are held to: `analyze` without a target analyses all of them and exits with 1 over a limit.
# A limit is a plain integer or takes a unit: k, M, G for counts; kB, MB, KiB, MiB for bytes."""
ASSUMED: Final = "# assumed: "
"""Begins the comments that say what was guessed."""
INCREASE: Final = """\
# Against a base (--against main), growth fails only when both are exceeded:
# max-increase = { params = "2%", min = "20k" }"""
MORE: Final = """\
# level = "warn"                      # off, warn or error
# message = "ask the model's owners before raising this"
# override = { params = "LIMIT", reason = "why it may be more", until = 2031-12-31 }

# A part of the model can have limits of its own:
# [[models.budgets]]
# name = "backbone"
# match = "backbone.*"
# params = "LIMIT\""""


def render(
    analyses: Sequence[Analysis], checkpoint: str | None = None, settings: Mapping[str, str] | None = None
) -> str:
    """The text of an analyze.toml for the analysed models; it reads back as a `Config` that they keep to."""
    tables = ["\n".join(_model(analysis, checkpoint, settings or {})) for analysis in analyses]
    return "\n\n".join((HEADER, *tables)) + f"\n{INCREASE}\n{MORE}\n"


def _model(analysis: Analysis, checkpoint: str | None, settings: Mapping[str, str]) -> Iterator[str]:
    yield "[[models]]"
    yield f"target = {_text(analysis.model.target)}"
    yield f"name = {_text(analysis.model.name)}"
    yield from (f"{ASSUMED}{' '.join(sentence.split())}" for sentence in analysis.model.assumptions)
    if specs := input_specs(analysis):
        yield f"input = [{', '.join(map(_text, specs))}]"
    if checkpoint is not None:
        yield f"checkpoint = {_text(checkpoint)}"
    if settings:
        yield f"set = {{ {', '.join(f'{_text(name)} = {_text(value)}' for name, value in settings.items())} }}"
    yield "\n[[models.budgets]]"
    yield 'name = "today"'
    known = {metric: value for metric in TODAY if (value := measured(analysis, EVERYTHING, metric)) is not None}
    limited = {metric: value for metric, value in known.items() if value} or known
    yield from (_limit(metric, value, TODAY[metric]) for metric, value in limited.items())


def _limit(metric: str, value: int, noun: str) -> str:
    """A limit with what it is today beside it."""
    text = amounts.written(amounts.headroom(value), is_bytes=metric in amounts.BYTES)
    return f"{f'{metric} = {_text(text)}':<36}# today: {value:,} {noun}"


def input_specs(analysis: Analysis) -> list[str]:
    """The inputs as `--input` takes them: by name where there are several, with the dtype unless it is float32."""
    named = len(analysis.inputs) > 1
    return [
        (f"{item.name}=" if named else "")
        + "x".join(map(str, item.shape))
        + ("" if item.dtype == "float32" else f":{item.dtype}")
        for item in analysis.inputs
        if item.shape
    ]


def _text(value: str) -> str:
    """A TOML string: what JSON escapes, TOML reads."""
    return json.dumps(value, ensure_ascii=False)
