"""The median of a torchvision model's forward, and its interquartile range, by torch.utils.benchmark alone."""

import json
import sys

import torch
import torchvision
from torch.utils.benchmark import Timer

if __name__ == "__main__":
    torch.manual_seed(0)
    model = torchvision.models.get_model(sys.argv[1], weights=None).eval()
    given = torch.randn(1, 3, 224, 224)
    torch.set_num_threads(1)
    with torch.inference_mode():
        timer = Timer("model(given)", globals={"model": model, "given": given}, num_threads=1)
        measured = timer.adaptive_autorange(threshold=0.03, min_run_time=2.0, max_run_time=8.0)
    print(json.dumps({"median": measured.median, "iqr": measured.iqr}))
