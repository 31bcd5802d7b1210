"""Energy of a run, read from the machine's own counters: RAPL through powercap, or NVIDIA's management library.

Libraries that wrap these counters for a CPU either rest or fall back on estimates without saying so, and the counter is
a file; so it is read as such, and without it there is no number.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from time import perf_counter
from typing import Any

from analyzer.values.timings import Energy

POWERCAP = Path("/sys/class/powercap")
SECONDS = 2.0
"""Counters move about every millisecond; over so long that does not matter."""


class NoCounter(Exception):
    """Why energy cannot be read here, as a clause."""


@dataclass(frozen=True)
class Counter:
    """A counter of energy: its reading in joules, where it wraps around, and what it covers."""

    read: Callable[[], float]
    source: str
    wraps_at: float = float("inf")


def energy_of(
    run: Callable[[], object],
    counter: Counter,
    seconds: float = SECONDS,
    clock: Callable[[], float] = perf_counter,
) -> Energy:
    """Joules of one run, over as many as take so long; the counter also sees whatever else the machine does."""
    runs, before, begun = 0, counter.read(), clock()
    while not runs or clock() - begun < seconds:
        run()
        runs += 1
    spent = counter.read() - before
    spent += counter.wraps_at if spent < 0 else 0
    return Energy(spent / runs, counter.source, runs)


def counter_for(device: str) -> Counter:
    """The counter of a device; NoCounter with the reason where there is none."""
    return _nvidia(device) if device.startswith("cuda") else powercap(POWERCAP)


def powercap(folder: Path) -> Counter:
    """All processor packages that Linux has counters for."""
    zones = [zone for zone in sorted(folder.glob("*-rapl:*")) if _name(zone).startswith("package")]
    if not zones:
        raise NoCounter(f"this machine offers no energy counters ({folder} has no RAPL packages)")
    try:
        ranges = [_number(zone / "max_energy_range_uj") for zone in zones]
        _joules(zones)
    except OSError as error:
        raise NoCounter(f"the energy counters cannot be read ({error.strerror}: {error.filename})") from error
    # Several packages rarely wrap in the same two seconds.
    source = f"RAPL counters of {len(zones)} processor packages: everything that runs on them, memory left out"
    return Counter(lambda: _joules(zones), source.replace("1 processor packages", "the processor package"), ranges[0])


def _name(zone: Path) -> str:
    file = zone / "name"
    return file.read_text().strip() if file.is_file() else ""


def _number(file: Path) -> float:
    return int(file.read_text()) / 1e6


def _joules(zones: list[Path]) -> float:
    return sum(_number(zone / "energy_uj") for zone in zones)


def _nvidia(device: str) -> Counter:
    try:
        pynvml: Any = import_module("pynvml")
    except ImportError as error:
        raise NoCounter("reading a GPU's energy counter needs nvidia-ml-py, which is not installed") from error
    try:
        pynvml.nvmlInit()
        handle = pynvml.nvmlDeviceGetHandleByIndex(int(device.partition(":")[2] or 0))
        pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)
    except pynvml.NVMLError as error:
        raise NoCounter(f"the GPU's energy counter cannot be read ({error})") from error
    return Counter(
        lambda: pynvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1e3,
        "NVIDIA's counter of the whole board, memory included",
    )
