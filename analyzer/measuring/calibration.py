"""What this machine attains: one short microbenchmark, kept in the user's cache directory."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from analyzer.values.devices import THIS, Device

VERSION: Final = 1
"""Of the microbenchmark; figures of another version are measured anew."""
SIDE: Final = 768
"""Of the square matrices that are multiplied."""
CHANNELS: Final = 128
"""Of the 3×3 convolution, in and out."""
IMAGE: Final = 28
"""Side of the image that it reads."""
COPIED: Final = 2**26
"""Bytes that are copied: more than caches hold."""
SECONDS: Final = 0.5
"""How long each of the three is repeated at least."""


@dataclass(frozen=True, slots=True)
class CalibrationConditions:
    """What the figures hold for."""

    version: int
    torch: str
    threads: int
    processor: str


@dataclass(frozen=True, slots=True)
class Attained:
    """The best of each: FLOP/s of a matrix product and of a convolution in float32, bytes/s read and written."""

    conditions: CalibrationConditions
    product: float
    convolution: float
    copy: float


def this_device(threads: int = 1, progress: Callable[[str], None] = lambda _: None) -> Device:
    """This machine as a device profile; measured once for each torch, processor and number of threads."""
    wanted, file = conditions(threads), cache_file()
    kept = {item.conditions: item for item in _read(file)}
    if wanted not in kept:
        progress(f"measuring this machine with {_threads(threads)}")
        kept[wanted] = measure(wanted)
        _write(file, list(kept.values()))
    return device_of(kept[wanted])


def device_of(attained: Attained) -> Device:
    """The profile that the figures make."""
    known = attained.conditions
    source = (
        f"measured on this machine ({known.processor}, torch {known.torch}, {_threads(known.threads)}): the better of "
        f"a product of {SIDE}×{SIDE} matrices and a 3×3 convolution of {CHANNELS} channels at {IMAGE}×{IMAGE}, "
        f"and a copy of {COPIED // 2**20} MiB"
    )
    peak = max(attained.product, attained.convolution)
    return Device(THIS, {"float32": peak}, attained.copy, "cpu", source, is_measured=True)


def conditions(threads: int) -> CalibrationConditions:
    """What is measured now."""
    import torch

    return CalibrationConditions(VERSION, str(torch.__version__), threads, _processor())


def measure(wanted: CalibrationConditions) -> Attained:
    """The microbenchmark, about two seconds; torch's own number of threads is put back by its timer."""
    import torch
    from torch.nn.functional import conv2d

    with torch.inference_mode():
        matrix = torch.rand(SIDE, SIDE)
        image, weight = torch.rand(1, CHANNELS, IMAGE, IMAGE), torch.rand(CHANNELS, CHANNELS, 3, 3)
        source = torch.rand(COPIED // 4)
        target = torch.empty_like(source)
        product = _best(lambda: matrix @ matrix, wanted.threads)
        convolution = _best(lambda: conv2d(image, weight, padding=1), wanted.threads)
        copy = _best(lambda: target.copy_(source), wanted.threads)
    macs = CHANNELS**2 * 9 * IMAGE**2
    return Attained(wanted, 2 * SIDE**3 / product, 2 * macs / convolution, 2 * COPIED / copy)


def _best(run: Callable[[], object], threads: int) -> float:
    """The least seconds of a run: what is attainable, whatever else the machine does meanwhile.

    Of a single thread its processor time, which leaves out waiting for other processes.
    """
    from torch.utils.benchmark import Timer

    clock = time.thread_time if threads == 1 else time.perf_counter
    timer = Timer("run()", timer=clock, globals={"run": run}, num_threads=threads)
    timer.timeit(2)
    return float(min(timer.blocked_autorange(min_run_time=SECONDS).times))


def cache_file() -> Path:
    """Where the figures are kept."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "analyze" / "this-device.json"


def _read(file: Path) -> list[Attained]:
    """Nothing when there is no such file, or one that another version wrote."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=list[Attained])
    except (OSError, msgspec.MsgspecError):
        return []


def _write(file: Path, kept: list[Attained]) -> None:
    """Kept where that is possible; figures that cannot be kept are measured again."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_suffix(f".{os.getpid()}")
        partial.write_bytes(msgspec.json.format(msgspec.json.encode(kept), indent=2))
        partial.replace(file)
    except OSError:
        return


def _processor() -> str:
    """The processor's name where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def _threads(number: int) -> str:
    return f"{number} thread" if number == 1 else f"{number} threads"
