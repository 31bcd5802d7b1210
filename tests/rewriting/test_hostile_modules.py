"""Modules written to mislead a rewriter: each exact change is right, not said, or refused, never wrong."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations, parametrize
from torch.utils.checkpoint import checkpoint

import analyzer
from analyzer.values.advice import Advice

Forward = Callable[[Any, torch.Tensor], Any]


class Net(nn.Module):
    """Layers under the names given, and a forward written outside."""

    def __init__(self, forward: Forward, **layers: Any) -> None:
        super().__init__()
        for name, layer in layers.items():
            setattr(self, name, layer)
        self.use = forward

    def forward(self, x: torch.Tensor) -> Any:
        return self.use(self, x)


def conv(inputs: int = 8, outputs: int = 8, kernel: int = 3, **options: Any) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, **{"padding": kernel // 2, "bias": False, **options})


def norm(channels: int = 8, **options: Any) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, **options)


def plain(model: Any, x: torch.Tensor) -> torch.Tensor:
    return model.norm(model.conv(x))


def pair(first: nn.Module | None = None, second: nn.Module | None = None, forward: Forward = plain) -> nn.Module:
    return Net(forward, conv=first or conv(), norm=second or norm())


# Layers that are shared, or used more than once


def twice(model: Any, x: torch.Tensor) -> torch.Tensor:
    return model.norm(model.conv(model.norm(model.conv(x))))


def norm_twice(model: Any, x: torch.Tensor) -> torch.Tensor:
    return model.norm(model.conv(model.norm(x)))


def conv_twice(model: Any, x: torch.Tensor) -> torch.Tensor:
    return model.norm(model.conv(model.conv(x)))


def two_norms(model: Any, x: torch.Tensor) -> torch.Tensor:
    y = model.conv(x)
    return model.norm(y) + model.other(y)


def one_norm_for_two(model: Any, x: torch.Tensor) -> torch.Tensor:
    return model.norm(model.conv(x)) + model.norm(model.other(x))


def output_read(model: Any, x: torch.Tensor) -> torch.Tensor:
    y = model.conv(x)
    return model.norm(y) + y


def output_returned(model: Any, x: torch.Tensor) -> Any:
    y = model.conv(x)
    return {"y": y, "z": [model.norm(y)]}


def output_kept(model: Any, x: torch.Tensor) -> torch.Tensor:
    y = model.conv(x)
    z = model.norm(y)
    y.zero_()
    return z + y


def shared_under_two_names() -> nn.Module:
    block = nn.Sequential(conv(), norm(), nn.ReLU())
    return nn.Sequential(block, block, nn.Sequential(block[0], block[1]))


def one_conv_in_two_blocks() -> nn.Module:
    shared = conv()
    return nn.Sequential(shared, norm(), shared, norm())


def tied_weight() -> nn.Module:
    model = nn.Sequential(conv(), norm(), conv(), norm())
    model[2].weight = model[0].weight
    return model


def tied_statistics() -> nn.Module:
    model = nn.Sequential(conv(), norm(), conv(), norm())
    model[3].running_mean = model[1].running_mean
    return model


def a_view_of_a_weight() -> nn.Module:
    model = nn.Sequential(conv(), norm(), nn.Conv2d(8, 8, 1, bias=False))
    model[2].weight = nn.Parameter(model[0].weight.detach()[:, :, :1, :1])
    return model


# Forwards that read layers, or ask about them


def reads_weight(model: Any, x: torch.Tensor) -> torch.Tensor:
    return plain(model, x) + model.conv.weight.abs().mean()


def reads_mean(model: Any, x: torch.Tensor) -> torch.Tensor:
    return plain(model, x) - model.norm.running_mean.sum()


def reads_through_state(model: Any, x: torch.Tensor) -> torch.Tensor:
    return plain(model, x) * model.state_dict()["norm.weight"].mean()


def reads_parameters(model: Any, x: torch.Tensor) -> torch.Tensor:
    return plain(model, x) + sum(parameter.sum() for parameter in model.parameters())


def counts_parameters(model: Any, x: torch.Tensor) -> torch.Tensor:
    return plain(model, x) * len(list(model.parameters()))


def asks_for_the_class(model: Any, x: torch.Tensor) -> torch.Tensor:
    for layer in model.children():
        x = layer(x).relu() if isinstance(layer, nn.BatchNorm2d) else layer(x)
    return x


def asks_for_a_bias(model: Any, x: torch.Tensor) -> torch.Tensor:
    return plain(model, x) if model.conv.bias is None else plain(model, x) * 3


def asks_for_a_bias_unseen(model: Any, x: torch.Tensor) -> torch.Tensor:
    """The answer is in a tensor's values, which no operator shows."""
    return plain(model, x) * torch.tensor(1.0 if model.conv.bias is None else 3.0)


def asks_for_epsilon(model: Any, x: torch.Tensor) -> torch.Tensor:
    return plain(model, x) * getattr(model.norm, "eps", 5)


def calls_forward_itself(model: Any, x: torch.Tensor) -> torch.Tensor:
    return model.norm.forward(model.conv.forward(x))


def calls_functions(model: Any, x: torch.Tensor) -> torch.Tensor:
    y = F.conv2d(x, model.conv.weight, padding=1)
    return F.batch_norm(y, model.norm.running_mean, model.norm.running_var, model.norm.weight, model.norm.bias)


def other_statistics(model: Any, x: torch.Tensor) -> torch.Tensor:
    return F.batch_norm(model.conv(x), model.norm.running_mean + 1, model.norm.running_var)


def depends_on_values(model: Any, x: torch.Tensor) -> torch.Tensor:
    y = plain(model, x)
    return y if float(y.sum()) > 1e9 else -y


def depends_on_values_and_class(model: Any, x: torch.Tensor) -> torch.Tensor:
    y = plain(model, x)
    return y if float(y.sum()) > 1e9 or isinstance(model.norm, nn.Identity) else -y


def swaps_channels(model: Any, x: torch.Tensor) -> torch.Tensor:
    return model.norm(model.conv(x).flip(1))


def changes_layout(model: Any, x: torch.Tensor) -> torch.Tensor:
    return model.norm(model.conv(x).to(memory_format=torch.channels_last))


def under_checkpointing(model: Any, x: torch.Tensor) -> torch.Tensor:
    return checkpoint(lambda y: plain(model, y), x, use_reentrant=False)


def slices(model: Any, x: torch.Tensor) -> torch.Tensor:
    return model.norm(model.conv(x)[..., 1:-1])


def in_another_precision(model: Any, x: torch.Tensor) -> torch.Tensor:
    return model.norm(model.conv(x).round())


class KeepsState(nn.Module):
    """A forward that remembers."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = conv(), norm()
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return self.norm(self.conv(x)) * self.calls


class Recurrent(nn.Module):
    """The same layers in every step, as often as the input says."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = conv(), norm()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for _ in range(x.shape[0] + 1):
            x = self.norm(self.conv(x)).tanh()
        return x


# Layers that are not what they seem


class Scaled(nn.Conv2d):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * super().forward(x)


class Padded(nn.Conv2d):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(F.pad(x, (0, 1, 0, 1)))


class Standardized(nn.Conv2d):
    """As timm's StdConv2d."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weight = self.weight - self.weight.mean((1, 2, 3), keepdim=True)
        return F.conv2d(x, weight, self.bias, self.stride, self.padding)


class Masked(nn.Conv2d):
    """As in PixelCNN: writes its own weight."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.weight.data[:, :, 2:] = 0
        return super().forward(x)


class PlainSubclass(nn.Conv2d):
    """Says nothing of its own."""


class Activating(nn.BatchNorm2d):
    """As timm's BatchNormAct2d."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.drop, self.act = nn.Identity(), nn.SiLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.act(self.drop(super().forward(x)))


class ActivatingInside(nn.BatchNorm2d):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(super().forward(x))


class ActivatingTwice(Activating):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.act(super().forward(x))


class ActivatingOnce(Activating):
    """Only with many channels: random values of its own size must be tried."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) if x.shape[1] == 8 else x


class OtherEpsilon(nn.BatchNorm2d):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=0.5)


class Frozen(nn.Module):
    """As torchvision's FrozenBatchNorm2d: no batch normalization of torch."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.rand(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.weight.reshape(1, -1, 1, 1)


def patched() -> nn.Module:
    model = pair()
    model.conv.forward = lambda x: F.conv2d(x, model.conv.weight, padding=1) + 1
    return model


def hooked(where: str, post: bool = True) -> nn.Module:
    model = pair()
    layer = model.get_submodule(where) if where else model
    if post:
        layer.register_forward_hook(lambda _, __, out: out * 2)
    else:
        layer.register_forward_pre_hook(lambda _, args: (args[0] + 1,))
    return model


def parametrized() -> nn.Module:
    model = pair()
    parametrize.register_parametrization(model.conv, "weight", nn.Tanh())
    return model


def pruned() -> nn.Module:
    from torch.nn.utils import prune

    model = pair()
    prune.random_unstructured(model.conv, "weight", amount=0.5)
    return model


def with_hook(layer: nn.Module) -> nn.Module:
    layer.register_forward_hook(lambda _, __, out: out + 1)
    return pair(layer)


def one_for_both(layer: nn.Module) -> nn.Module:
    return Net(twice, conv=layer, norm=norm())


def tied_originals() -> nn.Module:
    model = nn.Sequential(parametrizations.weight_norm(conv()), parametrizations.weight_norm(conv()))
    model[1].parametrizations.weight.original1 = model[0].parametrizations.weight.original1
    return model


class Following(nn.Conv2d):
    """A weight that depends on what it reads."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.conv2d(x, self.weight * x.mean(), self.bias, self.stride, self.padding)


class PaddedStandardized(Standardized):
    """As timm's StdConv2dSame."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(F.pad(x, (0, 1 - x.shape[-1] % 2, 0, 1 - x.shape[-2] % 2)))


def quantized_input(model: Any, x: torch.Tensor) -> torch.Tensor:
    scaled = torch.fake_quantize_per_tensor_affine(model.conv(x), 0.05, 0, -128, 127)
    return model.norm(scaled)


def quantized_weight() -> nn.Module:
    return pair(forward=lambda m, x: m.norm(F.conv2d(x, m.conv.weight.mul(8).round().div(8), padding=1)))


def lazy() -> nn.Module:
    model = nn.Sequential(nn.LazyConv2d(8, 3, bias=False), nn.LazyBatchNorm2d(), nn.ReLU())
    model(torch.ones(1, 8, 9, 9))
    return model


def scripted() -> nn.Module:
    return torch.jit.script(nn.Sequential(conv(), norm()))


def scripted_inside() -> nn.Module:
    return nn.Sequential(torch.jit.script(nn.Sequential(conv(), norm())), conv(), norm())


def data_parallel() -> nn.Module:
    return nn.DataParallel(nn.Sequential(conv(), norm()))


# Containers


def indexed(model: Any, x: torch.Tensor) -> torch.Tensor:
    return model.layers[1](model.layers[0](x)) + model.layers[-1](x)


def by_key(model: Any, x: torch.Tensor) -> torch.Tensor:
    return model.layers["b-n"](model.layers["conv 1"](x))


def sliced(model: Any, x: torch.Tensor) -> torch.Tensor:
    return model.layers[2:](model.layers[:2](x).relu())


def as_many_as_there_are(model: Any, x: torch.Tensor) -> torch.Tensor:
    for layer in list(model.layers)[: len(model.layers) // 2]:
        x = layer(x)
    return x


def outside_the_tree() -> nn.Module:
    model = pair()
    model.hidden = [model.conv, model.norm]
    model.use = lambda m, x: m.hidden[1](m.hidden[0](x))
    return model


class Renaming(nn.Module):
    """Children found through `__getattr__`."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = conv(), norm()

    def __getattr__(self, name: str) -> Any:
        return super().__getattr__(name.removeprefix("the_"))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.the_norm(self.the_conv(x))


# Linear layers in a row, branches, taps, and modules that never run


def in_a_row(model: Any, x: torch.Tensor) -> torch.Tensor:
    return model.second(model.first(x))


def sizes_given(model: Any, x: torch.Tensor) -> torch.Tensor:
    return model.up(model.conv(x), output_size=(18, 17))


def row(first: nn.Module, second: nn.Module, forward: Forward = in_a_row) -> nn.Module:
    return Net(forward, first=first, second=second)


def asks_for_channels(model: Any, x: torch.Tensor) -> torch.Tensor:
    return in_a_row(model, x) / model.first.out_channels


def branches(model: Any, x: torch.Tensor) -> torch.Tensor:
    return model.act(model.wide(x) + model.narrow(x))


def branches_counted(model: Any, x: torch.Tensor) -> torch.Tensor:
    return branches(model, x) * sum(isinstance(layer, nn.Conv2d) for layer in model.modules())


def block(forward: Forward = branches, **options: Any) -> nn.Module:
    wide, narrow = conv(bias=True), conv(kernel=1, bias=True, **options)
    return nn.Sequential(Net(forward, wide=wide, narrow=narrow, act=nn.ReLU()))


def asks_whether_it_is_there(model: Any, x: torch.Tensor) -> torch.Tensor:
    return model.conv(x) if model.aux is not None else x


def measures_a_spare_module(model: Any, x: torch.Tensor) -> torch.Tensor:
    return model.conv(x) * model.aux.out_channels


def in_vain_in_place(model: Any, x: torch.Tensor) -> torch.Tensor:
    y = model.conv(x)
    model.aux(y).relu_()
    return y


def trained_only(model: Any, x: torch.Tensor) -> Any:
    return (model.conv(x), model.aux(x)) if model.training else model.conv(x)


def spare(forward: Forward, aux: nn.Module | None = None) -> nn.Module:
    return Net(forward, conv=conv(), aux=aux or conv())


def wide_taps(dilation: int = 36, **options: Any) -> nn.Module:
    return nn.Sequential(conv(padding=dilation, dilation=dilation, **options))


@dataclass(frozen=True)
class Case:
    """How to build it, and the exact changes that are said of it; those are carried out and compared."""

    make: Callable[[], nn.Module]
    said: tuple[str, ...] = ()
    shape: tuple[int, ...] = (2, 8, 9, 9)
    refused: str = ""
    """What is said when it cannot be carried out after all."""


FOLD = ("BNM302 conv",)
CASES: dict[str, Case] = {
    "as usual": Case(pair, FOLD),
    "used twice": Case(lambda: pair(forward=twice), FOLD),
    "the norm used twice": Case(lambda: pair(forward=norm_twice)),
    "the convolution used twice": Case(lambda: pair(forward=conv_twice)),
    "two norms of one output": Case(lambda: Net(two_norms, conv=conv(), norm=norm(), other=norm())),
    "one norm of two outputs": Case(lambda: Net(one_norm_for_two, conv=conv(), norm=norm(), other=conv())),
    "the output read beside": Case(lambda: pair(forward=output_read)),
    "the output returned beside": Case(lambda: pair(forward=output_returned)),
    "the output overwritten": Case(lambda: pair(forward=output_kept)),
    "shared under two names": Case(shared_under_two_names, ("BNM302 0.0",)),
    "one convolution in two blocks": Case(one_conv_in_two_blocks),
    "tied weight": Case(tied_weight),
    "tied statistics": Case(tied_statistics),
    "a view of a weight": Case(a_view_of_a_weight),
    "a weight read elsewhere": Case(lambda: pair(forward=reads_weight)),
    "a mean read elsewhere": Case(lambda: pair(forward=reads_mean)),
    "a state dict read": Case(lambda: pair(forward=reads_through_state)),
    "all parameters read": Case(lambda: pair(forward=reads_parameters)),
    "parameters counted": Case(lambda: pair(forward=counts_parameters)),
    "asked for its class": Case(lambda: pair(forward=asks_for_the_class)),
    "asked for its bias": Case(lambda: pair(forward=asks_for_a_bias)),
    "asked for its bias, unseen": Case(
        lambda: pair(forward=asks_for_a_bias_unseen),
        FOLD,
        refused="conv: the change would alter the model's output by 200",
    ),
    "asked for its epsilon": Case(lambda: pair(forward=asks_for_epsilon)),
    "forward called by hand": Case(lambda: pair(forward=calls_forward_itself)),
    "functions on its parameters": Case(lambda: pair(forward=calls_functions)),
    "statistics computed": Case(lambda: pair(forward=other_statistics)),
    "control flow on values": Case(lambda: pair(forward=depends_on_values), FOLD),
    "control flow on values and class": Case(lambda: pair(forward=depends_on_values_and_class)),
    "channels turned between": Case(lambda: pair(forward=swaps_channels)),
    "layout changed between": Case(lambda: pair(forward=changes_layout)),
    "checkpointed": Case(lambda: pair(forward=under_checkpointing), FOLD),
    "sliced between": Case(lambda: pair(forward=slices)),
    "rounded between": Case(lambda: pair(forward=in_another_precision)),
    "a counter": Case(KeepsState, FOLD),
    "recurrent": Case(Recurrent, FOLD),
    "a scaling subclass": Case(lambda: pair(Scaled(8, 8, 3, padding=1))),
    "a padding subclass": Case(lambda: pair(Padded(8, 8, 3))),
    "weight standardization": Case(lambda: pair(Standardized(8, 8, 3, padding=1)), FOLD),
    "a masked convolution": Case(lambda: pair(Masked(8, 8, 3, padding=1)), FOLD),
    "a subclass that says nothing": Case(lambda: pair(PlainSubclass(8, 8, 3, padding=1, bias=False)), FOLD),
    "a norm with an activation": Case(lambda: pair(second=Activating(8)), FOLD),
    "a norm with an activation inside": Case(lambda: pair(second=ActivatingInside(8))),
    "a norm that activates twice": Case(lambda: pair(second=ActivatingTwice(8))),
    "a norm that looks at its input": Case(lambda: pair(second=ActivatingOnce(8)), FOLD),
    "a norm with another epsilon": Case(lambda: pair(second=OtherEpsilon(8))),
    "a frozen norm": Case(lambda: pair(second=Frozen(8))),
    "instance norm": Case(lambda: pair(second=nn.InstanceNorm2d(8, affine=True, track_running_stats=True))),
    "synchronized norm": Case(lambda: pair(second=nn.SyncBatchNorm(8)), FOLD),
    "batch statistics": Case(lambda: pair(second=norm(track_running_stats=False))),
    "a norm without scale": Case(lambda: pair(second=norm(affine=False))),
    "a norm without scale, a bias before": Case(lambda: pair(conv(bias=True), norm(affine=False)), ("BNM301 conv",)),
    "a huge epsilon": Case(lambda: pair(second=norm(eps=10.0)), FOLD),
    "a patched forward": Case(patched),
    "a hook on the convolution": Case(lambda: hooked("conv")),
    "a hook on the norm": Case(lambda: hooked("norm")),
    "a hook before the norm": Case(lambda: hooked("norm", post=False)),
    "a hook on the model": Case(lambda: hooked(""), FOLD),
    "parametrized": Case(parametrized, FOLD),
    "weight norm": Case(lambda: pair(parametrizations.weight_norm(conv())), FOLD),
    "weight norm by a hook": Case(lambda: pair(torch.nn.utils.weight_norm(conv())), FOLD),
    "spectral norm by a hook": Case(lambda: pair(torch.nn.utils.spectral_norm(conv())), FOLD),
    "weight norm and a hook": Case(lambda: with_hook(parametrizations.weight_norm(conv()))),
    "weight norm that others read": Case(lambda: pair(parametrizations.weight_norm(conv()), forward=reads_weight)),
    "weight norm, shared": Case(lambda: one_for_both(parametrizations.weight_norm(conv())), FOLD),
    "weight norm of tied weights": Case(tied_originals),
    "a weight that follows its input": Case(lambda: pair(Following(8, 8, 3, padding=1))),
    "a computed weight that pads to a multiple": Case(lambda: pair(PaddedStandardized(8, 8, 3, stride=2))),
    "a linear layer with weight norm": Case(
        lambda: nn.Sequential(conv(), nn.ReLU(), nn.Flatten(2), parametrizations.weight_norm(nn.Linear(81, 5))),
        ("WGT301 3",),
    ),
    "spectral norm": Case(lambda: pair(parametrizations.spectral_norm(conv())), FOLD),
    "pruned": Case(pruned, FOLD),
    "fake-quantized between": Case(lambda: pair(forward=quantized_input)),
    "a rounded weight": Case(quantized_weight),
    "circular padding": Case(lambda: pair(conv(padding_mode="circular"))),
    "reflected padding": Case(lambda: pair(conv(padding_mode="reflect"))),
    "same padding": Case(lambda: pair(conv(padding="same")), FOLD),
    "same padding of an even kernel": Case(lambda: pair(conv(kernel=4, padding="same"))),
    "lazily built": Case(lazy, ("BNM302 0",)),
    "scripted": Case(scripted),
    "scripted inside": Case(scripted_inside, ("BNM302 1",)),
    "data parallel": Case(data_parallel, ("BNM302 0",)),
    "an indexed container": Case(
        lambda: Net(indexed, layers=nn.ModuleList([conv(), norm(), conv()])), ("BNM302 layers.0",)
    ),
    "a container by key": Case(
        lambda: Net(by_key, layers=nn.ModuleDict({"conv 1": conv(), "b-n": norm()})), ("BNM302 layers.conv 1",)
    ),
    "a sliced container": Case(
        lambda: Net(sliced, layers=nn.Sequential(conv(), norm(), conv(), norm())),
        ("BNM302 layers.0", "BNM302 layers.2"),
    ),
    "half of a container": Case(
        lambda: Net(as_many_as_there_are, layers=nn.ModuleList([conv(), norm(), conv(), norm()])),
        ("BNM302 layers.0", "RUN301 layers.2", "RUN301 layers.3"),
    ),
    "held outside of the tree": Case(outside_the_tree),
    "found by another name": Case(Renaming, FOLD),
    "transposed": Case(lambda: pair(nn.ConvTranspose2d(8, 8, 2, stride=2, bias=False)), FOLD),
    "transposed and grouped": Case(lambda: pair(nn.ConvTranspose2d(8, 8, 2, stride=2, groups=2, bias=False))),
    "an output size given": Case(
        lambda: Net(sizes_given, conv=conv(), up=nn.ConvTranspose2d(8, 4, 3, stride=2, padding=1))
    ),
    "two pointwise": Case(lambda: row(conv(8, 32, 1), conv(32, 8, 1)), ("PTW301 first",)),
    "two pointwise and their width": Case(lambda: row(conv(8, 32, 1), conv(32, 8, 1), asks_for_channels)),
    "a bias before padding": Case(lambda: row(conv(8, 32, 1, bias=True), conv(32, 8, 3))),
    "padding of zeros": Case(lambda: row(conv(8, 32, 1), conv(32, 8, 3, bias=True)), ("PTW301 first",)),
    "a kernel before": Case(lambda: row(conv(8, 32, bias=True), conv(32, 8, 1, bias=True)), ("PTW301 first",)),
    "branches": Case(block, ("PAR301 0",)),
    "branches that are counted": Case(lambda: block(branches_counted)),
    "branches, one reflected": Case(lambda: block(padding_mode="reflect", padding=0)),
    "a head for training": Case(lambda: spare(trained_only), ("RUN301 aux",)),
    "a spare module that is asked for": Case(lambda: spare(asks_whether_it_is_there), ("RUN301 aux",)),
    "a spare module that is measured": Case(lambda: spare(measures_a_spare_module)),
    "work in vain that would write": Case(lambda: spare(in_vain_in_place)),
    "taps in the padding": Case(wide_taps, ("PAD301 0",)),
    "taps in reflected padding": Case(lambda: wide_taps(6, padding_mode="reflect")),
    "the last taps in the picture": Case(lambda: wide_taps(8)),
}


def randomized(model: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    with torch.no_grad():
        for layer in model.modules():
            if isinstance(layer, nn.modules.batchnorm._NormBase) and layer.running_mean is not None:
                layer.running_mean.normal_()
                layer.running_var.uniform_(0.5, 2)
            if isinstance(layer, nn.modules.batchnorm._NormBase) and layer.affine:
                layer.weight.normal_()
                layer.bias.normal_()
    return model.eval()


@pytest.fixture(autouse=True)
def _in_double() -> Iterator[None]:
    """Built so from the start: turning a model into double precision would untie what is tied."""
    torch.set_default_dtype(torch.double)
    yield
    torch.set_default_dtype(torch.float)


def disjoint(advice: tuple[Advice, ...]) -> Iterator[Advice]:
    taken: set[str] = set()
    for item in advice:
        paths = {replacement.path for replacement in item.replacements}
        if item.effort == "none" and paths and not paths & taken:
            taken |= paths
            yield item


def tensors(output: Any) -> list[torch.Tensor]:
    return [leaf for leaf in torch.utils._pytree.tree_leaves(output) if isinstance(leaf, torch.Tensor)]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_right_or_not_said(case: Case) -> None:
    model, value = randomized(case.make()), torch.randn(case.shape)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    exact = list(disjoint(analyzer.analyze(model, value).advice))
    assert sorted(f"{item.rule} {item.path}" for item in exact) == sorted(case.said)
    if case.refused:
        with pytest.raises(analyzer.Problem, match=case.refused):
            analyzer.rewrite(model, exact, value)
        return
    result = analyzer.rewrite(model, exact, value) if exact else model
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    with torch.no_grad():
        old, new = (tensors(copied(one)(value)) for one in (model, result))
    assert [tensor.shape for tensor in new] == [tensor.shape for tensor in old]
    assert all(torch.allclose(one, other, rtol=1e-9, atol=1e-9) for one, other in zip(old, new, strict=True))


def copied(model: nn.Module) -> nn.Module:
    try:
        return copy.deepcopy(model)
    except RuntimeError:  # scripted, or with a weight that is computed
        return model


def test_there_are_sixty_at_least() -> None:
    assert len(CASES) >= 60
