"""MobileNetV2 as torchvision builds it: `analyze examples/mobilenetv2.py`."""

import torch
from torch import nn
from torchvision.models import mobilenet_v2


def build_model(num_classes: int = 1000) -> nn.Module:
    return mobilenet_v2(num_classes=num_classes)


example_inputs = torch.empty(1, 3, 224, 224)
