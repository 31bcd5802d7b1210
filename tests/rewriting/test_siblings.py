import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch
from torch import nn

import analyzer
from analyzer.rewriting.siblings import merged_siblings
from analyzer.values.errors import Problem

DEVICE = "a100-fp16"


def conv(outputs=32, **options):
    return nn.Conv1d(32, outputs, 2, **options)


class Gated(nn.Module):
    """As a layer of WaveNet; `gate` reads what `filter` reads."""

    def __init__(self, gate=None):
        super().__init__()
        self.filter, self.gate = conv(), gate or conv(bias=False)

    def forward(self, x):
        return torch.tanh(self.filter(x)) * torch.sigmoid(self.gate(x))


class Branch(nn.Module):
    """As a branch of Inception: the activation is called by the module that holds the convolution."""

    def __init__(self, outputs):
        super().__init__()
        self.conv, self.norm = conv(outputs), nn.BatchNorm1d(outputs)

    def forward(self, x):
        return nn.functional.relu(self.norm(self.conv(x)), inplace=True)


class Branches(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second, self.third = Branch(16), Branch(24), nn.Sequential(Branch(8), nn.Conv1d(8, 8, 1))

    def forward(self, x):
        return torch.cat([self.first(x), self.second(x), self.third(x)], 1)


class Flat(nn.Module):
    """Its filters and gates lie in lists, and the model's own forward calls them."""

    def __init__(self):
        super().__init__()
        self.filters, self.gates = (nn.ModuleList(conv(dilation=2**i) for i in range(3)) for _ in range(2))

    def forward(self, x):
        for place, (one, other) in enumerate(zip(self.filters, self.gates, strict=True)):
            padded = nn.functional.pad(x, (2**place, 0))
            x = x + torch.tanh(one(padded)) * torch.sigmoid(other(padded))
        return x


class Three(nn.Module):
    def __init__(self):
        super().__init__()
        self.query, self.key, self.value = (nn.Conv2d(16, size, 1) for size in (8, 8, 16))

    def forward(self, x):
        return torch.cat([self.query(x), nn.functional.relu(self.key(x)), self.value(x)], 1)


class InPlace(Gated):
    """As a residual block of torchvision: what another name stands for is written to."""

    def forward(self, x):
        first, second = self.filter(x), self.gate(x)
        same = first
        first += second
        first *= 2
        return same - 1


class InTraining(Gated):
    """Dropout that only training does."""

    def forward(self, x):
        return nn.functional.dropout(super().forward(x), training=self.training)


MERGED = {
    "WaveNet": (Gated(), [2]),
    "WaveNet's stack": (nn.Sequential(Gated(), Gated(), Gated()), [2, 2, 2]),
    "with fewer outputs": (Gated(conv(1)), [2]),
    "Inception": (Branches(), [3]),
    "lists": (Flat(), [2, 2, 2]),
    "a block beside": (nn.Sequential(Flat(), Branches()), [2, 2, 2, 3]),
    "in place": (InPlace(), [2]),
    "dropout": (InTraining(), [2]),
}


def siblings(model, x):
    return [item for item in analyzer.analyze(model, x, device=DEVICE).advice if item.rule == "SIB301"]


@pytest.mark.parametrize(("model", "groups"), MERGED.values(), ids=MERGED.keys())
def test_siblings_become_one_convolution_with_the_same_output(model, groups):
    model, x = model.eval(), torch.randn(2, 32, 40)
    found = siblings(model, x)
    assert [len(item.replacements) for item in found] == groups
    assert all(item.step == "inference" and item.is_faster and item.saved.macs == 0 for item in found)
    result = analyzer.rewrite(model, found)
    with torch.no_grad():
        assert torch.allclose(result(x), model(x), atol=1e-6)
        assert torch.allclose(torch.export.export(result, (x,)).module()(x), model(x), atol=1e-6)
    convolutions = [sum(isinstance(layer, nn.Conv1d) for layer in each.modules()) for each in (model, result)]
    assert convolutions[1] == convolutions[0] - sum(size - 1 for size in groups)
    values = sum(parameter.numel() for parameter in result.parameters())
    now = sum(parameter.numel() for parameter in model.parameters())
    assert values == now - sum(item.saved.params for item in found)


def test_three_of_which_one_is_activated_become_one():
    model, x = Three().eval(), torch.randn(1, 16, 6, 6)
    (found,) = siblings(model, x)
    assert [item.path for item in found.replacements] == ["query", "key", "value"]
    assert [item.code for item in found.replacements] == [
        "nn.Conv2d(16, 32, 1)",
        "channels 8:16 of query",
        "channels 16:32 of query",
    ]
    with torch.no_grad():
        assert torch.allclose(analyzer.rewrite(model, [found])(x), model(x), atol=1e-6)


class Twice(Gated):
    def forward(self, x):
        return torch.tanh(self.filter(x)) * torch.sigmoid(self.gate(x)) + self.gate(x)


class Changed(Gated):
    """What the second one reads was written over."""

    def forward(self, x):
        x = x + 1
        first = self.filter(x)
        return first * self.gate(x.relu_())


class Branching(Gated):
    def forward(self, x):
        return super().forward(x) if x.shape[-1] > 4 and bool((x == x).all()) else x


class Reading(Gated):
    def forward(self, x):
        return super().forward(x) + self.gate.weight.sum()


class Tied(Gated):
    def __init__(self):
        super().__init__(conv())
        self.gate.weight = self.filter.weight


class Hooked(Gated):
    def __init__(self):
        super().__init__()
        self.register_forward_hook(lambda module, args, output: output + 1)


class Held(nn.Module):
    """The block runs from a plain list."""

    def __init__(self):
        super().__init__()
        self.block = Gated()
        self.blocks = [self.block]

    def forward(self, x):
        return self.blocks[0](x)


class Asked(nn.Module):
    """Asks what kind of block it has."""

    def __init__(self):
        super().__init__()
        self.block = Gated()

    def forward(self, x):
        return self.block(x) if isinstance(self.block, Gated) else x


LEFT_ALONE = {
    "twice": Twice(),
    "an input that is changed between": Changed(),
    "a forward that depends on values": Branching(),
    "a weight that is read": Reading(),
    "tied weights": Tied(),
    "a hook": Hooked(),
    "a plain list": Held(),
    "a class that is asked for": Asked(),
    "scripted": torch.jit.script(Gated()),
    "grouped": Gated(conv(groups=2)),
    "circular": Gated(conv(padding_mode="circular")),
}


@pytest.mark.parametrize("model", LEFT_ALONE.values(), ids=LEFT_ALONE.keys())
def test_left_alone(model):
    assert siblings(model.eval(), torch.randn(1, 32, 40)) == []


def test_no_value_is_left_between_calls_and_threads_do_not_meet():
    model = Gated().eval()
    result = analyzer.rewrite(model, siblings(model, torch.randn(1, 32, 40)))
    inputs, given = [torch.randn(1, 32, size) for size in range(20, 40)], {}

    def run(place):
        with torch.no_grad():
            given[place] = result(inputs[place])

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(inputs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with torch.no_grad():
        assert all(torch.allclose(given[place], model(x), atol=1e-6) for place, x in enumerate(inputs))
    assert not [value for value in vars(result.filter).values() if isinstance(value, torch.Tensor)]


def test_the_model_is_left_as_it_was():
    model = nn.Sequential(Gated(), Gated().train()).eval()
    model[1].train()
    before = {name: (id(child), child.training) for name, child in model.named_modules()}
    analyzer.rewrite(model, siblings(model, torch.randn(1, 32, 40)))
    assert {name: (id(child), child.training) for name, child in model.named_modules()} == before


def test_other_threads_modules_run_as_ever_while_a_forward_is_followed():
    other, given = nn.Linear(2, 2), []

    class Meeting(Gated):
        def forward(self, x):
            thread = threading.Thread(target=lambda: given.append(other(torch.ones(1, 2))))
            thread.start()
            thread.join()
            return super().forward(x)

    merged_siblings(Meeting(), ["filter", "gate"], [32, 32])
    assert torch.equal(given[0], other(torch.ones(1, 2)))


def test_layers_that_are_not_called_on_one_tensor_are_refused():
    with pytest.raises(ValueError, match="filter, gate are not called once each"):
        merged_siblings(Twice(), ["filter", "gate"], [32, 32])


def test_rewrite_names_the_module_whose_forward_cannot_be_followed():
    (advice,) = siblings(Gated().eval(), torch.randn(1, 32, 40))
    with pytest.raises(Problem, match=r"the model itself: torch\.fx cannot follow its forward to filter and gate"):
        analyzer.rewrite(Branching().eval(), [advice])


SOURCE = """
import torch
from torch import nn


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.filter, self.gate = nn.Conv1d(8, 8, 2), nn.Conv1d(8, 8, 2)

    def forward(self, x):
        return torch.tanh(self.filter(x)) * torch.sigmoid(self.gate(x))


def build_model():
    torch.manual_seed(0)
    return nn.Sequential(Block(), Block())


example_inputs = torch.zeros(1, 8, 40)
"""
BLOCKED = """
import sys
sys.modules["analyzer"] = None
import torch
from merged import build_model
import net
model, old = build_model().eval(), net.build_model().eval()
model.load_state_dict(torch.load("merged.pt"))
x = torch.randn(2, 8, 40)
print(float((model(x) - old(x)).abs().max()), sum(isinstance(layer, torch.nn.Conv1d) for layer in model.modules()))
"""


def test_the_file_that_is_emitted_merges_them_without_the_analyzer(tmp_path):
    (tmp_path / "net.py").write_text(SOURCE)
    command = [sys.executable, "-m", "analyzer", "net.py", "--device-profile", DEVICE, "--apply", "SIB301"]
    root = {"PYTHONPATH": str(Path(analyzer.__file__).parents[1]), "PATH": ""}
    for arguments in ([*command, "--emit", "merged.py", "--save", "merged.pt"], [sys.executable, "-c", BLOCKED]):
        done = subprocess.run(arguments, cwd=tmp_path, env=root, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    error, convolutions = done.stdout.split()
    assert float(error) < 1e-6
    assert convolutions == "2"
