"""Holds formulas of costs against fresh traces: `python benchmarks/scaling.py [torchvision|timm|transformers] [NAME]`.

Every model (or those named) is analysed once with formulas; then `Analysis.at` is compared, total and every row, with
a fresh trace of the model at random sizes in the range of the formulas. A line of the table for each model; exit status
1 when a number differs anywhere.
"""

import json
import os
import random
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torchvision
from timm_models import NAMES
from transformers_configs import CONFIGS

from analyzer.analysis import study
from analyzer.formulas.count import Count
from analyzer.loading import load
from analyzer.loading.loaded_model import LoadedModel
from analyzer.tracing.resizing import retracing
from analyzer.values.errors import Problem
from analyzer.values.requests import AnalysisOptions, ModelRequest
from analyzer.values.results import Analysis
from analyzer.values.scaling import Dimension, resized

POINTS = 3
"""Random sizes that each model is compared at."""
MOST_STEPS = 300
"""How far from the smallest size these lie, in steps of the lattice."""
COMPARED = (
    *("path", "calls", "input_shapes", "output_shapes", "params", "macs", "other_flops"),
    *("activation_elements", "peak_activation_bytes"),
)
PLAIN = AnalysisOptions(advice=False, estimates=False)
FORMULAS = AnalysisOptions(advice=False, estimates=False, symbolic=True)


def main() -> int:
    """Compare what is named, print the table, and say whether all agree."""
    kind, names = sys.argv[1] if len(sys.argv) > 1 else "torchvision", sys.argv[2:]
    print("| model | sizes | seconds beyond the trace | at random sizes | symbolic shapes |\n|---|---|---:|---|---|")
    with TemporaryDirectory() as folder:
        return max([_line(name, target) for name, target in _targets(kind, names, folder)], default=0)


def _line(name: str, target: str) -> int:
    """One line of the table; 1 when a number differs, or the analysis breaks down."""
    try:
        return _row(name, target)
    except Exception as error:  # what breaks on one model says nothing of the others
        print(f"| {name} | {type(error).__name__}: {str(error)[:160]} | | | |", flush=True)
        return 1


def _targets(kind: str, names: list[str], folder: str) -> list[tuple[str, str]]:
    known = {
        "torchvision": torchvision.models.list_models(torchvision.models),
        "timm": NAMES,
        "transformers": list(CONFIGS),
    }
    chosen = [name for name in known[kind] if not names or name in names]
    if kind != "transformers":
        return [(name, f"{kind}:{name}") for name in chosen]
    for name in chosen:
        Path(folder, name).mkdir()
        Path(folder, name, "config.json").write_text(json.dumps({"model_type": name, **CONFIGS[name]}))
    return [(name, f"transformers:{folder}/{name}") for name in chosen]


def _row(name: str, target: str) -> int:
    """The same, of a model that loads."""
    loaded = load(ModelRequest(target))
    assert isinstance(loaded, LoadedModel)
    try:
        seconds = _seconds(loaded, PLAIN)
        found, whole = _timed(loaded)
    except Problem as problem:
        print(f"| {name} | none: {str(problem)[:160]} | | | |", flush=True)
        return 0
    scaling = found.scaling
    assert scaling is not None
    differences = list(_differences(loaded, found))
    sizes = ", ".join(map(_described, scaling.dimensions))
    symbolic = scaling.symbolic.outcome if scaling.symbolic else ""
    outcome = f"differ: {differences[0]}" if differences else "equal"
    print(f"| {name} | {sizes} | {whole - seconds:.1f} | {outcome} | {symbolic} |", flush=True)
    return int(bool(differences))


def _described(item: Dimension) -> str:
    lattice = "" if (item.period, item.offset) == (1, 0) else f" = {item.offset} + {item.period}k"
    return f"{item.name}{lattice} {item.least} to {item.most}"


def _seconds(loaded: LoadedModel, options: AnalysisOptions) -> float:
    study(loaded, options)
    start = time.process_time()
    study(loaded, options)
    return time.process_time() - start


def _timed(loaded: LoadedModel) -> tuple[Analysis, float]:
    start = time.process_time()
    return study(loaded, FORMULAS).analysis, time.process_time() - start


def _differences(loaded: LoadedModel, found: Analysis) -> list[str]:
    """What differs between formulas and fresh traces."""
    scaling, count = found.scaling, random.Random(0)
    assert scaling is not None
    example = study(loaded, PLAIN).model
    assert example is not None
    differences = []
    with retracing(loaded, example.count.trace) as again:
        for _ in range(POINTS):
            sizes = {item.name: _random_size(item, count) for item in scaling.dimensions}
            inputs = resized(found.inputs, scaling.dimensions, sizes)
            fresh, told = Count(again({given.name: given.shape for given in inputs})), found.at(**sizes)
            if _other(told.total, fresh.total) or any(map(_other, told.layers, fresh.layers)):
                differences.append(f"at {sizes}: {told.total} where a trace has {fresh.total}")
    return differences


def _other(told: Any, traced: Any) -> bool:
    """Whether a total or a row differs in what has a formula: a Fourier transform's logarithm has none."""
    pairs = ((getattr(told, name, None), getattr(traced, name, None)) for name in COMPARED)
    return any(formula is not None and formula != value for formula, value in pairs)


def _random_size(item: Dimension, source: random.Random) -> int:
    least, most = item.step(item.least), item.step(item.most)
    return item.size(source.randint(least, min(most, least + MOST_STEPS)))


if __name__ == "__main__":
    sys.exit(main())
