"""Costs as formulas against fresh traces: `python benchmarks/scaling.py RESULTS.jsonl [NAME...]`; resumable.

All classifiers of torchvision, the smallest timm architectures of as many families, and configurations of transformers
(or those that are named, as "timm:resnet10t") are each analysed once with formulas, in a process of their own; then
`Analysis.at` is compared, total and every row, with fresh traces of the model at random sizes in the range of the
formulas. A line is appended for each model that RESULTS does not have yet, and the table of all of them is printed;
exit status 1 when a number differs anywhere, or an analysis breaks down.
"""

import json
import os
import random
import resource
import sys
import time
from collections.abc import Iterator
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

POINTS = 2
"""Random sizes that each model is compared at."""
MOST_STEPS = 300
"""How far from the smallest size these lie, in steps of the lattice."""
SECONDS = 300
"""Processor time after which a model is given up."""
COMPARED = (
    *("path", "calls", "input_shapes", "output_shapes", "params", "macs", "other_flops"),
    *("activation_elements", "peak_activation_bytes"),
)
PLAIN = AnalysisOptions(advice=False, estimates=False)
FORMULAS = AnalysisOptions(advice=False, estimates=False, symbolic=True)


def main() -> int:
    """Compare what is not in the results yet, print the table, and say whether all agree."""
    results, names = Path(sys.argv[1]), sys.argv[2:]
    known = {json.loads(line)["name"] for line in results.read_text().splitlines()} if results.exists() else set()
    with TemporaryDirectory() as folder, results.open("a", buffering=1) as lines:
        for name in names or every_name():
            if name not in known:
                lines.write(json.dumps(apart(name, folder)) + "\n")
    rows = [json.loads(line) for line in results.read_text().splitlines()]
    print("| model | sizes | seconds beyond the trace | at random sizes | symbolic shapes |\n|---|---|---:|---|---|")
    for row in rows:
        print("| {name} | {sizes} | {seconds} | {outcome} | {symbolic} |".format_map(row))
    return int(any(row["outcome"].startswith(("differ", "error")) for row in rows))


def every_name() -> Iterator[str]:
    """All models by zoo, in turns, so that what was reached stands for the rest."""
    zoos = {
        "torchvision": torchvision.models.list_models(torchvision.models),
        "timm": list(NAMES),
        "transformers": list(CONFIGS),
    }
    names = [
        (place / len(zoo), f"{kind}:{name}") for kind, zoo in zoos.items() for place, name in enumerate(_mixed(zoo))
    ]
    yield from (name for _, name in sorted(names))


def _mixed(names: list[str]) -> list[str]:
    return random.Random(0).sample(names, len(names))


def apart(name: str, folder: str) -> dict[str, str]:
    """The row of a model from a child process, so that one that breaks down says nothing of the others."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.close(read)
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        with os.fdopen(write, "w") as answer:
            answer.write(json.dumps(_row_or_error(name, folder)))
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    return _row(name, json.loads(text) if text else {"outcome": f"error: no answer in {SECONDS} s"})


def _row(name: str, found: dict[str, str]) -> dict[str, str]:
    return {"name": name, "sizes": "", "seconds": "", "outcome": "", "symbolic": "", **found}


def _row_or_error(name: str, folder: str) -> dict[str, str]:
    try:
        return _compared(_target(name, folder))
    except Problem as problem:
        return {"outcome": f"no formulas: {str(problem)[:200]}"}
    except Exception as error:
        return {"outcome": f"error: {type(error).__name__}: {str(error)[:200]}"}


def _target(name: str, folder: str) -> str:
    kind, _, model = name.partition(":")
    if kind != "transformers":
        return name
    Path(folder, model).mkdir(exist_ok=True)
    Path(folder, model, "config.json").write_text(json.dumps({"model_type": model, **CONFIGS[model]}))
    return f"transformers:{folder}/{model}"


def _compared(target: str) -> dict[str, str]:
    loaded = load(ModelRequest(target))
    assert isinstance(loaded, LoadedModel)
    _seconds(loaded, PLAIN)
    plain = _seconds(loaded, PLAIN)
    start = time.process_time()
    found = study(loaded, FORMULAS).analysis
    seconds = time.process_time() - start - plain
    assert found.scaling is not None
    differences = _differences(loaded, found)
    return {
        "sizes": ", ".join(map(_described, found.scaling.dimensions)),
        "seconds": f"{seconds:.1f}",
        "outcome": f"differ: {differences[0]}" if differences else "equal",
        "symbolic": found.scaling.symbolic.outcome if found.scaling.symbolic else "",
    }


def _described(item: Dimension) -> str:
    lattice = "" if (item.period, item.offset) == (1, 0) else f" = {item.offset} + {item.period}k"
    return f"{item.name}{lattice} {item.least} to {item.most}"


def _seconds(loaded: LoadedModel, options: AnalysisOptions) -> float:
    start = time.process_time()
    study(loaded, options)
    return time.process_time() - start


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
