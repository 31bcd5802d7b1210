"""The least that an analysis of a ResNet-50 can take: import what the model needs, build on meta, one bare forward."""

import runpy
import sys

import torch

if __name__ == "__main__":
    with torch.device("meta"), torch.no_grad():
        if sys.argv[1] == "torchvision":
            import torchvision

            model = torchvision.models.resnet50(weights=None)
        else:
            model = runpy.run_path(sys.argv[1])["ResNet50"]()
        model.eval()(torch.empty(1, 3, 224, 224))
