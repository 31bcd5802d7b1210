"""How long `analyzer.fit` takes, and how much memory beside the model: ResNet-50 at half its MACs with 64 pictures.

    python benchmarks/fit_time.py [THREADS]

The pictures are crops of scikit-learn's two photographs; the weights are random, normalizations estimated on the crops.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
import torchvision
from accuracy import pictures

import analyzer


def resident() -> int:
    """MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) // 1024


@contextmanager
def highest() -> Iterator[list[int]]:
    """What is resident at most while the block runs, MiB."""
    found, done = [resident()], threading.Event()

    def watch() -> None:
        while not done.wait(0.02):
            found[0] = max(found[0], resident())

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        done.set()
        thread.join()


def model_and_pictures() -> tuple[torch.nn.Module, torch.Tensor]:
    torch.manual_seed(0)
    model = torchvision.models.resnet50().train()
    images = (pictures(64, 224, seed=0) - 0.45) / 0.225
    for norm in (module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)):
        norm.momentum = None
    with torch.no_grad():
        for part in images.split(16):
            model(part)
    return model.eval(), images


def main() -> None:
    torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else 2)
    model, images = model_and_pictures()
    before, wall, cpu = resident(), time.monotonic(), time.process_time()
    with highest() as most:
        plan = analyzer.fit(model, images.split(16), macs=0.5)
    wall, cpu = time.monotonic() - wall, time.process_time() - cpu
    (budget,) = plan.result.budgets
    print(f"{budget.before:,} to {budget.traced:,} MACs, {len(plan.choices)} layers changed")
    print(f"wall {wall:.0f} s, CPU {cpu:.0f} s, resident {before} MiB before, at most {most[0]} MiB")


if __name__ == "__main__":
    main()
