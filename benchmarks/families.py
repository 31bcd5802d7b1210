"""Analyse one small member of every family of timm and many of transformers, and hold each to torch's own counter."""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from second_opinion import macs_by_torch
from timm_models import NAMES
from transformers_configs import CONFIGS

from analyzer import Analysis, Problem
from analyzer.analysis import analyze_loaded
from analyzer.loading import load
from analyzer.loading.loaded_model import LoadedModel
from analyzer.values.requests import ModelRequest


@dataclass(frozen=True)
class Row:
    """One model: what the analyzer says, what torch's counter says, and how long it took."""

    name: str
    seconds: float
    analysis: Analysis | None = None
    error: str = ""
    torch_macs: int | str = ""
    parameters: int = -1


def main() -> None:
    """Print a row for each model and a summary; exit 1 when one could not be analysed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="only these targets, such as timm:resnet10t or transformers:llama")
    parser.add_argument("--without-torch", action="store_true", help="do not ask torch's own counter")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    print(f"{'model':58} {'parameters':>13} {'MACs':>16} {'backend':4} {'s':>5}  remarks")
    with tempfile.TemporaryDirectory() as folder:
        rows = [_printed(_row(target, not options.without_torch)) for target in _targets(Path(folder), options.names)]
    _print_summary(rows)
    raise SystemExit(any(row.analysis is None for row in rows))


def _targets(folder: Path, wanted: Sequence[str]) -> Iterator[str]:
    for name in NAMES:
        if not wanted or f"timm:{name}" in wanted:
            yield f"timm:{name}"
    for kind, config in CONFIGS.items():
        if wanted and f"transformers:{kind}" not in wanted:
            continue
        (folder / kind).mkdir()
        (folder / kind / "config.json").write_text(json.dumps({"model_type": kind, **config}))
        yield f"transformers:{folder / kind}"


def _row(target: str, ask_torch: bool) -> Row:
    begun = time.perf_counter()
    name = f"{target.partition(':')[0]}:{Path(target).name.rpartition(':')[2]}"
    try:
        loaded = load(ModelRequest(target))
        assert isinstance(loaded, LoadedModel)
        analysis = analyze_loaded(loaded)
    except Problem as problem:
        return Row(name, time.perf_counter() - begun, error=str(problem))
    seconds = time.perf_counter() - begun
    parameters = sum(parameter.numel() for parameter in loaded.module.parameters())
    return Row(name, seconds, analysis, "", macs_by_torch(loaded) if ask_torch else "", parameters)


def _printed(row: Row) -> Row:
    if row.analysis is None:
        print(f"{row.name:58} {'':13} {'':16} {'':4} {row.seconds:5.1f}  ERROR {row.error}", flush=True)
        return row
    total, mode = row.analysis.total, row.analysis.tracing.mode
    numbers = f"{total.params:13,} {total.macs:16,} {mode:4} {row.seconds:5.1f}"
    print(f"{row.name:58} {numbers}  {'; '.join(_remarks(row, row.analysis))}", flush=True)
    return row


def _remarks(row: Row, analysis: Analysis) -> Iterator[str]:
    for gap in analysis.uncounted:
        yield f"uncounted {gap.operator} × {gap.calls}"
    if analysis.total.params != row.parameters:
        yield f"parameters() has {row.parameters:,}"
    if analysis.tracing.mode != "meta":
        yield analysis.tracing.reason
    if isinstance(row.torch_macs, str):
        yield f"torch: {row.torch_macs}"
    elif row.torch_macs != analysis.total.macs:
        yield f"torch {row.torch_macs - analysis.total.macs:+,}"


def _print_summary(rows: Sequence[Row]) -> None:
    done = [row.analysis for row in rows if row.analysis is not None]
    same = sum(row.analysis is not None and row.torch_macs == row.analysis.total.macs for row in rows)
    backends = {mode: sum(analysis.tracing.mode == mode for analysis in done) for mode in ("meta", "fake", "real")}
    slow = [row.name for row in rows if row.seconds > 2]
    print(f"\n{len(rows)} models, {len(done)} analysed, {sum(a.complete for a in done)} complete, backends {backends}")
    print(f"{same} equal to torch's own counter; slower than 2 s: {', '.join(slow) or 'none'}")


if __name__ == "__main__":
    main()
