"""Save the state dicts that the example reports are made with, in the working directory."""

import torch
from torchvision.models import mobilenet_v2, resnet50

if __name__ == "__main__":
    torch.manual_seed(0)
    torch.save(resnet50().state_dict(), "resnet.pth")
    torch.save(mobilenet_v2().state_dict(), "mobilenetv2.pth")
