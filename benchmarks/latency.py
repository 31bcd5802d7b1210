"""What the clock says on this machine: single layers, whole models, and models in turns; one thread, fp32, batch 1."""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import nn

from analyzer.advising.advisor import AdvisedModel
from analyzer.analysis import study
from analyzer.formats.wording.durations import duration
from analyzer.loading import load
from analyzer.loading.loaded_model import LoadedModel
from analyzer.measuring import Settings, side_by_side
from analyzer.measuring.benchmark_model import open_benchmark_model
from analyzer.measuring.interleaving import Patience, interleave, ratio_of, timing_of
from analyzer.measuring.measurement import Measurement
from analyzer.measuring.memory_limits import keep_freed_memory
from analyzer.values.requests import AnalysisOptions, ModelRequest
from analyzer.values.timings import TimeRatio, Timing

HERE = Path(__file__).parent
LAYERS = ((32, 112), (64, 56), (128, 28), (256, 14), (512, 7), (512, 14))
"""Channels and side of each dense 3×3 convolution; all but the last do 115.6 M multiply-adds."""
EARLY, SEPARABLE = (32, 112), "DW+BN+ReLU+PW"
M_MMAP_THRESHOLD = -3
"""As in glibc's malloc.h."""
PATIENCE = Patience(turns=10, spread=0.03, seconds=2.0)
SETTINGS = Settings(block=0.03)
MODELS = ("resnet18", "resnet50", "mobilenet_v2", "efficientnet_b0")
IN_TURNS = ("resnet50", "mobilenet_v2", "resnext50_32x4d")
PUBLISHED = {
    "DW+PW": (0.33, 0.21, 0.17, 0.17, 0.14, 0.09),
    "DW+BN+ReLU+PW": (0.95, 0.25, 0.20, 0.19, 0.16, 0.10),
    "g=2": (0.78, 0.52, 0.51, 0.52, 0.46, 0.37),
    "g=4": (0.63, 0.35, 0.27, 0.28, 0.24, 0.18),
    "g=8": (0.70, 0.31, 0.19, 0.16, 0.13, 0.09),
    "g=32": (0.40, 0.35, 0.21, 0.11, 0.06, 0.04),
    "7×7": (2.8, 6.2, 6.2, 7.0, 20.0, 8.6),
    "3×3 d=3": (0.99, 0.97, 0.94, 0.93, 0.79, 0.97),
    "3×1, 1×3 over C/2": (0.56, 0.47, 0.46, 0.48, 0.41, 0.32),
}
"""Time against the dense layer as it was measured once before, on another day, under load."""


@dataclass(frozen=True)
class Claim:
    """What has to come out the same in kind, for a ratio of time (and of MACs) at a layer."""

    text: str
    variant: str
    layer: tuple[int, int]
    holds: Callable[[float, float], bool]


CLAIMS = (
    Claim("thin groups take 3 times their MACs or more", "g=32", (64, 56), lambda time, macs: time > 3 * macs),
    Claim("thin groups take 3 times their MACs or more", "g=32", (128, 28), lambda time, macs: time > 3 * macs),
    Claim("an early one takes twice its MACs or more", SEPARABLE, EARLY, lambda t, macs: t > 2 * macs),
    Claim("a late one saves nearly what it promises", SEPARABLE, (512, 7), lambda time, macs: time < 2 * macs),
    Claim("a dilated 3×3 costs what a plain one costs", "3×3 d=3", (64, 56), lambda time, _: 0.8 < time < 1.25),
    Claim("a dilated 3×3 costs what a plain one costs", "3×3 d=3", (256, 14), lambda time, _: 0.8 < time < 1.25),
    Claim("a 7×7 takes more than a dilated 3×3 by its MACs", "7×7", (256, 14), lambda time, macs: time > 0.9 * macs),
)


def variants(channels: int) -> dict[str, tuple[nn.Module, float]]:
    """What could stand in a dense 3×3 layer's place, with its multiply-adds over those of the dense one."""
    c = channels
    depthwise, pointwise = (nn.Conv2d(c, c, 3, padding=1, groups=c), nn.Conv2d(c, c, 1))
    between = nn.Sequential(depthwise, nn.BatchNorm2d(c), nn.ReLU(), pointwise)
    thin = nn.Sequential(nn.Conv2d(c, c // 2, (3, 1), padding=(1, 0)), nn.Conv2d(c // 2, c, (1, 3), padding=(0, 1)))
    grouped = {f"g={g}": (nn.Conv2d(c, c, 3, padding=1, groups=g), 1 / g) for g in (2, 4, 8, 32)}
    separable = 1 / c + 1 / 9
    return {
        "DW+PW": (nn.Sequential(depthwise, pointwise), separable),
        "DW+BN+ReLU+PW": (between, separable),
        **grouped,
        "7×7": (nn.Conv2d(c, c, 7, padding=3), 49 / 9),
        "3×3 d=3": (nn.Conv2d(c, c, 3, padding=3, dilation=3), 1.0),
        "3×1, 1×3 over C/2": (thin, 1 / 3),
    }


def main() -> None:
    """Print every table; exit 1 when a claim does not hold on a quiet machine."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=("layers", "models", "turns"), help="only this part")
    parser.add_argument("--early", choices=("dense", SEPARABLE), help="only this early layer, in this process")
    parser.add_argument("--model", help="only this model, in this process")
    given = parser.parse_args()
    if given.early or given.model:
        print(json.dumps(_early(given.early) if given.early else _own(given.model)))
        return
    part = given.part
    print(f"load average {os.getloadavg()[0]:.2f} on {os.cpu_count()} cores, torch {torch.__version__}\n")
    parts = {"layers": _print_layers, "models": _print_models, "turns": _print_turns}
    met = [run() for name, run in parts.items() if part in (None, name)]
    raise SystemExit(not all(met))


def _print_layers() -> bool:
    """Ratios of time beside those of multiply-adds, in brackets what was measured before."""
    fresh = _early_in_fresh_processes()
    keep_freed_memory()
    print("Freed memory kept by the process:\n")
    print("| C, side | dense 3×3 | " + " | ".join(PUBLISHED) + " |")
    print("|:--|--:|" + "--:|" * len(PUBLISHED))
    found: dict[tuple[str, tuple[int, int]], tuple[TimeRatio, float]] = {}
    for number, layer in enumerate(LAYERS):
        dense, ratios = measured(*layer)
        found |= {(name, layer): pair for name, pair in ratios.items()}
        cells = (f"{_ratio(ratios[name][0])} ({old[number]:.2f})" for name, old in PUBLISHED.items())
        print(f"| {layer[0]}, {layer[1]}² | {duration(dense.median)} | {' | '.join(cells)} |", flush=True)
    print(f"\n- where every buffer is mapped anew, DW+BN+ReLU+PW at C=32, 112² takes {fresh:.2f} (0.95)")
    met = [_print_claim(claim, *found[claim.variant, claim.layer]) for claim in CLAIMS]
    return all(met) and fresh > 0.7


def _ratio(ratio: TimeRatio) -> str:
    """A number that is too noisy to say carries a question mark."""
    return f"{ratio.median:.2f}" + ("?" if ratio.noise else "")


def _print_claim(claim: Claim, time: TimeRatio, macs: float) -> bool:
    holds = claim.holds(time.median, macs)
    verdict = "yes" if holds else "too noisy to say" if time.noise else "NO"
    where = f"{claim.variant} at C={claim.layer[0]}, {claim.layer[1]}²"
    print(f"- {claim.text}: {verdict} ({where}: {_ratio(time)} of the time for {macs:.2f} of the MACs)", flush=True)
    return verdict != "NO"


@torch.inference_mode()
def measured(channels: int, side: int) -> tuple[Timing, dict[str, tuple[TimeRatio, float]]]:
    """The dense layer's time, and each variant's in turns with it; with the ratio of multiply-adds."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    given = torch.randn(1, channels, side, side)
    dense = nn.Conv2d(channels, channels, 3, padding=1).eval()
    several = variants(channels)
    layers = [dense, *(module.eval() for module, _ in several.values())]
    base, *others = interleave([_sample(layer, given) for layer in layers], PATIENCE)
    pairs = zip(several.items(), others, strict=True)
    return timing_of(base), {name: (ratio_of(series, base), macs) for (name, (_, macs)), series in pairs}


def _early_in_fresh_processes() -> float:
    """The early separable layer's time over the dense one's where every buffer is mapped anew, process by process."""
    times = [[_in_a_fresh_process("--early", name) for name in ("dense", SEPARABLE)] for _ in range(5)]
    return median(separable / dense for dense, separable in times)


@torch.inference_mode()
def _early(name: str) -> float:
    # Held at its first value: else it grows with what is freed, and with it the size of what is kept.
    ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, 128 * 1024)
    torch.set_num_threads(1)
    given = torch.randn(1, EARLY[0], EARLY[1], EARLY[1])
    layer = nn.Conv2d(EARLY[0], EARLY[0], 3, padding=1) if name == "dense" else variants(EARLY[0])[name][0]
    (series,) = interleave([_sample(layer.eval(), given)], PATIENCE)
    return timing_of(series).median


def _in_a_fresh_process(*arguments: str) -> Any:
    command = (sys.executable, __file__, *arguments)
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def _sample(layer: nn.Module, given: torch.Tensor) -> Callable[[], list[float]]:
    from torch.utils.benchmark import Timer

    timer = Timer("layer(given)", globals={"layer": layer, "given": given}, num_threads=1)
    return lambda: timer.blocked_autorange(min_run_time=SETTINGS.block).times


def _print_models() -> bool:
    """Medians beside those of a script of a few lines that uses torch's timer directly, in a process of its own."""
    print("\n| model | median | IQR | directly | IQR | apart | within its IQR | memory kept |")
    print("|:--|--:|--:|--:|--:|--:|:--|--:|")
    met = [_print_model(name) for name in MODELS]
    return all(met)


def _own(name: str) -> dict[str, Any]:
    """What `--latency` says of the whole model first."""
    advised_model = _consulted(name)
    with open_benchmark_model(advised_model, SETTINGS) as benchmark:
        session = Measurement(advised_model, benchmark)
        session.time_model()
        session.time_model_kept()
    timing, kept = session.model, session.kept
    assert timing is not None
    return {"median": timing.median, "iqr": timing.iqr, "noise": timing.noise, "kept": kept.median if kept else None}


def _print_model(name: str) -> bool:
    """Each in a fresh process, one after the other."""
    own, direct = _in_a_fresh_process("--model", name), _directly(name)
    apart = abs(own["median"] - direct["median"])
    within = apart <= max(direct["iqr"], own["iqr"])
    first = f"{duration(own['median'])}{'?' if own['noise'] else ''} | {duration(own['iqr'])}"
    other = f"{duration(direct['median'])} | {duration(direct['iqr'])}"
    share = f"{100 * apart / direct['median']:.1f} %"
    print(
        f"| {name} | {first} | {other} | {share} | {'yes' if within else 'no'} | {duration(own['kept'])} |", flush=True
    )
    return within or bool(own["noise"])


def _directly(name: str) -> Any:
    command = (sys.executable, str(HERE / "plain_latency.py"), name)
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def _print_turns() -> bool:
    """Several models in turns, as ratios against the first."""
    print("\n| model | MACs | × | median | × |\n|:--|--:|--:|--:|--:|")
    targets = side_by_side([_consulted(name) for name in IN_TURNS], SETTINGS)
    for target in targets:
        macs = (target.macs or 0) / (targets[0].macs or 1)
        ratio = _ratio(target.ratio) if target.ratio else "1"
        number = f"{(target.macs or 0) / 1e9:.2f} G | {macs:.2f}"
        print(f"| {target.name} | {number} | {duration(target.timing.median)} | {ratio} |", flush=True)
    return True


def _consulted(name: str) -> AdvisedModel:
    loaded = load(ModelRequest(f"torchvision:{name}"))
    assert isinstance(loaded, LoadedModel)
    advised_model = study(loaded, AnalysisOptions(advice=False)).model
    assert advised_model is not None
    return advised_model


if __name__ == "__main__":
    main()
