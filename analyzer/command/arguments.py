"""What the command line says, as values: the reports that are wanted and the request of one call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from analyzer.command.outputs import Wanted
from analyzer.command.run import CommandRequest, GateOptions, SweepOptions
from analyzer.formats import format_for
from analyzer.values.errors import Problem
from analyzer.values.requests import (
    AnalysisOptions,
    FittingOptions,
    ModelRequest,
    RewritingOptions,
    TimingOptions,
    WorkRequest,
)
from analyzer.values.size_sweeps import points_of

LIMITS: Final = ("params", "macs", "size", "peak-memory")
"""Metrics that have an option --max-METRIC."""


def wanted_of(outputs: Sequence[str], comment_key: str, comment_silent: bool, **_: Any) -> Wanted:
    """The reports that are asked for; Problem when two would go to one place, or a format is not known."""
    formats = tuple(map(format_for, outputs))
    for path, number in Counter(path for _, path in formats).items():
        if number > 1:
            raise Problem(f"--output {path}: {number} reports would go there; give each its own place")
    return Wanted(formats, comment_key, comment_silent)


def request_of(**asked: Any) -> CommandRequest:
    """All that is asked for of the analysis, the gate and the rewriting; Problem for options that contradict."""
    given = ModelRequest("", asked["inputs"], None, dict(map(_pair, asked["settings"])), asked["trust_checkpoint"])
    select, ignore = _words(asked["select"]), _words(asked["ignore"])
    timing = (asked[name] for name in ("latency", "device", "threads", "batch", "dtype", "channels_last"))
    options = AnalysisOptions(
        asked["reconcile"],
        select=select,
        ignore=ignore,
        training=asked["training"],
        construction=any(name == "html" for name, _ in map(format_for, asked["outputs"])),
        symbolic=asked["symbolic"],
        at=points_of(asked["at"]),
        steps=asked["steps"],
    )
    work = WorkRequest(
        models=_models(asked["targets"], asked["checkpoints"]),
        options=options,
        timing=TimingOptions(*timing),
        rewriting=RewritingOptions(asked["apply"], asked["emit"], asked["save"], asked["force"]),
        fitting=FittingOptions(tuple(asked["fit"]), asked["calibrate"], asked["finetune_script"]),
        timeout=asked["timeout"] or None,
    )
    sweep = SweepOptions(asked["sort"], asked["results"], asked["workers"])
    return CommandRequest(work, given, asked["device_profile"], _gate_options(**asked), sweep)


def _models(targets: Sequence[str], checkpoints: Sequence[str]) -> tuple[ModelRequest, ...]:
    if checkpoints and len(targets) != len(checkpoints):
        counts = f"{len(targets)} targets and {len(checkpoints)} checkpoints"
        raise Problem(f"{counts}: give --checkpoint once for each target, in their order")
    weights: Sequence[str | None] = checkpoints or [None] * len(targets)
    return tuple(ModelRequest(target, checkpoint=weight) for target, weight in zip(targets, weights, strict=True))


def _gate_options(
    against: str | None, no_base: bool, broken_base: str | None, config: str | None, **asked: Any
) -> GateOptions:
    if against is not None and not against.strip():
        raise Problem(
            "--against is empty, as from an unset variable: name a revision, or say --no-base if there is none"
        )
    if against is not None and no_base:
        raise Problem("--against and --no-base contradict each other; give one of them")
    limits = {metric: asked[f"max_{metric.replace('-', '_')}"] for metric in LIMITS}
    return GateOptions(limits, against, config, broken_base)


def _words(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(word for text in texts for word in text.replace(",", " ").split())


def _pair(setting: str) -> tuple[str, str]:
    name, equals, value = setting.partition("=")
    if not equals or not name:
        raise Problem(f"--set {setting}: write it as NAME=VALUE, such as --set num_classes=10")
    return name, value
