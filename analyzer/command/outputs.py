"""What is written of one call's analyses: files by path, and text for the terminal and for a workflow's step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from analyzer.formats import FORMATS, OPTIONS, SWEEP_FORMATS, default_files, files, sweep_files
from analyzer.gating.layer_diff import difference
from analyzer.gating.repository import folder_of
from analyzer.values.comparison import compare, distinct
from analyzer.values.errors import Problem
from analyzer.values.gate_results import Difference
from analyzer.values.results import Analysis
from analyzer.values.sweep_rows import Sweep

REPORTS = "reports"
REWRITTEN = "-rewritten"
"""How the name of a model ends that advice was applied to."""


@dataclass(frozen=True)
class Wanted:
    """Reports that are asked for: format and path of each, and how a comment is to be."""

    outputs: tuple[tuple[str, str], ...] = ()
    comment_key: str = "default"
    comment_silent: bool = False


def compared(analyses: Sequence[Analysis]) -> list[Analysis]:
    """Several analyses get distinct names, and each the table of all."""
    if len(analyses) < 2:
        return list(analyses)
    named = distinct(analyses)
    rows = compare(named)
    return [replace(analysis, comparison=rows) for analysis in named]


def texts(analyses: Sequence[Analysis], wanted: Wanted, directory: Path) -> dict[str, str]:
    """Every file to write, text by path: what is wanted, else markdown reports.

    `directory` is what the analyses' own files are relative to. A gate writes only what is wanted: it runs in
    repositories of other people. Raises Problem for a figure of several models.
    """
    if not wanted.outputs:
        gated = any(analysis.verdict or analysis.difference for analysis in analyses)
        return {} if gated else default_files(analyses, REPORTS)
    needs_folder = any("folder" in OPTIONS.get(name, ()) for name, _ in wanted.outputs)
    options = {
        "folder": folder_of(directory) if needs_folder else "",
        "key": wanted.comment_key,
        "silent": wanted.comment_silent,
        "differences": differences(analyses) if any(name == "html" for name, _ in wanted.outputs) else (),
    }
    found: dict[str, str] = {}
    for name, path in wanted.outputs:
        found |= files(analyses, name, path, **options)
    return found


def refuse_single_formats(wanted: Wanted) -> None:
    """Problem, before many models are looked at, for a report that is about single ones."""
    for name, path in wanted.outputs:
        if name not in SWEEP_FORMATS:
            known = ", ".join(SWEEP_FORMATS)
            raise Problem(f"--output {path}: {name} is about single models; a table of many is written as {known}")


def sweep_texts(sweep: Sweep, wanted: Wanted) -> dict[str, str]:
    """Every file to write of many models, text by path: what is wanted, else a markdown report."""
    found: dict[str, str] = {}
    for name, path in wanted.outputs or (("markdown", f"{REPORTS}/sweep.md"),):
        found |= sweep_files(sweep, name, path)
    return found


def differences(analyses: Sequence[Analysis]) -> list[Difference | None]:
    """How each model differs from its base, of several without one from the first, a rewritten one from its original.

    The first of several is compared with nothing else.
    """
    by_name = {analysis.model.name: analysis for analysis in analyses}
    found: list[Difference | None] = []
    for analysis in analyses:
        before = by_name.get(analysis.model.name.removesuffix(REWRITTEN), analysis)
        before = analyses[0] if before is analysis else before
        own = None if before is analysis else difference(before, analysis, before.model.name)
        found.append(analysis.difference or own)
    return found


def step_summary(analyses: Sequence[Analysis]) -> str:
    """What a gate adds to the summary of a workflow's step; empty for a plain analysis."""
    return FORMATS["summary"](analyses) if any(analysis.verdict for analysis in analyses) else ""
