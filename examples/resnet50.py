"""ResNet-50 as torchvision builds it: `analyze examples/resnet50.py`."""

import torch
from torch import nn
from torchvision.models import resnet50


def build_model(num_classes: int = 1000) -> nn.Module:
    return resnet50(num_classes=num_classes)


example_inputs = torch.empty(1, 3, 224, 224)
