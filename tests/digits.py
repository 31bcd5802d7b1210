"""A small network trained on scikit-learn's digits."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy


@dataclass(frozen=True)
class Digits:
    """1,300 pictures to train on and 497 to test on, with their labels."""

    images: Tensor
    labels: Tensor
    test_images: Tensor
    test_labels: Tensor

    @classmethod
    def load(cls) -> "Digits":
        from sklearn.datasets import load_digits

        stored = load_digits()
        order = torch.randperm(len(stored.target), generator=torch.Generator().manual_seed(0))
        images = torch.tensor(stored.images, dtype=torch.float32)[order, None] / 16
        labels = torch.tensor(stored.target)[order]
        return cls(images[:1300], labels[:1300], images[1300:], labels[1300:])

    def accuracy(self, model: nn.Module) -> float:
        with torch.no_grad():
            return float((model(self.test_images).argmax(1) == self.test_labels).float().mean())


def digits_network() -> nn.Module:
    """Five layers, 747,136 MACs for one picture of 8×8."""

    def block(inputs: int, outputs: int, stride: int = 1) -> list[nn.Module]:
        return [nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]

    layers = [*block(1, 16), *block(16, 32), *block(32, 32, 2), *block(32, 64)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def trained(data: Digits, epochs: int = 8) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = digits_network().train()
        steps = epochs * -(-len(data.images) // 64)
        optimizer = torch.optim.Adam(model.parameters(), 3e-3)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 6e-3, total_steps=steps)
        for _ in range(epochs):
            for batch in torch.randperm(len(data.images)).split(64):
                optimizer.zero_grad()
                cross_entropy(model(data.images[batch]), data.labels[batch]).backward()
                optimizer.step()
                schedule.step()
    return model.eval()
