"""A model of any depth and width, to see what the time of an analysis grows with."""

import time
from statistics import median

import torch
from torch import nn

from analyzer import analyze


class Block(nn.Module):
    """Two convolutions around a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, channels, H, W) -> the same."""
        return torch.relu(x + self.norm2(self.conv2(torch.relu(self.norm1(self.conv1(x))))))


def measured(blocks: int, channels: int, times: int = 3) -> tuple[int, float]:
    """Operators, and median seconds of processor time of an analysis."""
    with torch.device("meta"):
        model = nn.Sequential(*(Block(channels) for _ in range(blocks))).eval()
        x = torch.empty(1, channels, 32, 32)
    operators = analyze(model, x).tracing.operators
    seconds = []
    for _ in range(times):
        begun = time.process_time()
        analyze(model, x)
        seconds.append(time.process_time() - begun)
    return operators, median(seconds)
