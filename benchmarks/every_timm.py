"""Analyses every architecture of timm and torchvision, each in a process of its own, beside the bare trace; resumable.

`python benchmarks/every_timm.py RESULTS.jsonl [NAME...]` appends a line for each model that RESULTS does not have yet,
in a shuffled order, so that what was reached stands for the rest, and then lists the ten that take longest against
their trace, and the ten that take most memory. Both are warm: each is done once before it is timed.
"""

import gc
import json
import os
import random
import resource
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import timm
import torchvision

from analyzer.analysis import study
from analyzer.loading import load
from analyzer.tracing import trace
from analyzer.values.requests import ModelRequest

SECONDS = 300
"""Processor time after which a model is given up."""
LISTED = 10
MOST = 3
"""Times its trace that an analysis should take at most."""


def measured(name: str) -> dict[str, Any]:
    """Processor seconds of a trace and of the whole analysis with advice and estimates, and MiB at most."""
    loaded = load(ModelRequest(name))
    trace(loaded)
    study(loaded)
    gc.collect()  # else one of the two pays for a full collection by chance, a quarter of a second
    begun = time.process_time()
    traced = trace(loaded)
    between = time.process_time()
    analysis = study(loaded).analysis
    seconds = time.process_time() - between
    return {
        "name": name,
        "operators": len(traced.graph),
        "trace": round(between - begun, 3),
        "seconds": round(seconds, 3),
        "ratio": round(seconds / (between - begun), 2),
        "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "complete": analysis.complete,
        "absences": [f"{item.what} {item.where}: {item.reason}" for item in analysis.absences],
    }


def apart(name: str) -> dict[str, Any]:
    """The same in a child process, so that memory is this model's; an error where it ends without an answer."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.close(read)
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        with os.fdopen(write, "w") as answer:
            answer.write(json.dumps(_or_error(name)))
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    return json.loads(text) if text else {"name": name, "error": f"no answer in {SECONDS} s"}


def _or_error(name: str) -> dict[str, Any]:
    try:
        return measured(name)
    except Exception as error:
        return {"name": name, "error": f"{type(error).__name__}: {error}"[:200]}


def run(results: Path, names: list[str]) -> list[dict[str, Any]]:
    """Every name that has no line yet; all lines."""
    lines = results.read_text().splitlines() if results.exists() else []
    known = {line["name"]: line for line in map(json.loads, lines)}
    with results.open("a") as out:
        for name in names:
            if name not in known:
                known[name] = apart(name)
                out.write(json.dumps(known[name]) + "\n")
                out.flush()
    return list(known.values())


def table(found: list[dict[str, Any]], key: str) -> str:
    """The ten largest by that key."""
    top = sorted(found, key=lambda line: -line[key])[:LISTED]
    rows = [
        f"| {e['name']} | {e['operators']} | {e['trace']} | {e['seconds']} | {e['ratio']} | {e['mib']} |" for e in top
    ]
    return "\n".join(
        ["| model | operators | trace, s | analysis, s | ratio | MiB |", "|:--|--:|--:|--:|--:|--:|", *rows]
    )


def everything() -> list[str]:
    """All of timm and torchvision."""
    names = [f"timm:{name}" for name in timm.list_models()]
    names += [f"torchvision:{name}" for name in torchvision.models.list_models()]
    random.Random(0).shuffle(names)
    return names


def main() -> None:
    """Everything, or the names given."""
    results, *names = sys.argv[1:]
    lines = run(Path(results), names or everything())
    found, failed = [e for e in lines if "ratio" in e], [e for e in lines if "ratio" not in e]
    ratios = sorted(e["ratio"] for e in found)
    print(f"{len(found)} analysed, {len(failed)} failed, {sum(bool(e['absences']) for e in found)} with absences")
    within, p90 = sum(ratio <= MOST for ratio in ratios), ratios[len(ratios) * 9 // 10]
    print(f"ratio: {within} within {MOST}, median {ratios[len(ratios) // 2]}, p90 {p90}, at most {ratios[-1]}\n")
    print(table(found, "ratio"), table(found, "mib"), *(f"{e['name']}: {e['error']}" for e in failed), sep="\n\n")


if __name__ == "__main__":
    main()
