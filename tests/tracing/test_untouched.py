"""An analysed module is exactly as it was, also after its forward raised."""

import random
from collections.abc import Callable
from typing import Any

import numpy
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from analyzer import Problem, analyze


class Dropping(nn.Module):
    """Uses random numbers, updates statistics and remembers what it saw."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.drop = nn.Dropout()
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))
        self.seen: list[Any] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.steps += 1
        self.seen.append(x)
        return self.drop(self.norm(self.conv(x))) * random.random() + numpy.random.rand()


def raising(module: nn.Module, *_: Any) -> None:
    torch.set_default_dtype(torch.float64)
    raise ValueError("no")


def branching(module: nn.Module, args: Any, output: torch.Tensor) -> torch.Tensor:
    return output if output.sum() > 0 else output + 1


CASES: dict[str, Callable[[], nn.Module]] = {
    "training": lambda: Dropping().train(),
    "eval": lambda: Dropping().eval(),
    "uncopyable": lambda: uncopyable(Dropping().train()),
    "spectral norm": lambda: nn.utils.spectral_norm(nn.Conv2d(3, 4, 3)),
    "tied": lambda: tied(),
    "for real": lambda: hooked(Dropping().train(), branching),
    "raises": lambda: hooked(Dropping().train(), raising),
    "raises and uncopyable": lambda: uncopyable(hooked(Dropping().train(), raising)),
}


def uncopyable(module: nn.Module) -> nn.Module:
    module.generator = (number for number in range(3))
    return module


def tied() -> nn.Module:
    model = nn.Sequential(nn.Conv2d(3, 3, 3), nn.Conv2d(3, 3, 3))
    model[1].weight = model[0].weight
    return model


def hooked(module: nn.Module, hook: Callable[..., Any]) -> nn.Module:
    module.register_forward_hook(hook)
    return module


def snapshot(module: nn.Module) -> dict[str, Any]:
    """All that must not change: values, identities, flags, hooks, random states, switches."""
    return {
        "tensors": {
            name: (id(t), t._version, t.clone().tolist()) for name, t in module.state_dict(keep_vars=True).items()
        },
        "keys": {name: sorted(vars(child)) for name, child in module.named_modules()},
        "training": [child.training for child in module.modules()],
        "hooks": [[list(v.items()) for k, v in vars(c).items() if k.endswith("_hooks")] for c in module.modules()],
        "gradients": [parameter.requires_grad for parameter in module.parameters()],
        "seen": len(getattr(module, "seen", [])),
        "random": (random.getstate(), torch.get_rng_state().tolist(), numpy.random.get_state()[1].tolist()),
        "functions": [
            id(f) for f in (F.linear, F.conv2d, F.relu, F.scaled_dot_product_attention, torch.matmul, torch.lstm)
        ],
        "module": [id(nn.Module.__call__), id(nn.Module._call_impl), id(nn.Module.__setattr__)],
        "global hooks": [
            len(value or ()) for key, value in vars(nn.modules.module).items() if key.startswith("_global_")
        ],
        "switches": (
            torch.get_default_dtype(),
            torch.get_default_device(),
            torch.is_grad_enabled(),
            torch.is_inference_mode_enabled(),
            torch.backends.mha.get_fastpath_enabled(),
        ),
        "modes": torch._C._len_torch_dispatch_stack() + torch._C._len_torch_function_stack(),
    }


@pytest.mark.parametrize("build", CASES.values(), ids=CASES.keys())
def test_nothing_changes(build: Callable[[], nn.Module]) -> None:
    model, x = build(), torch.randn(2, 3, 8, 8)
    before = snapshot(model)
    try:
        analyze(model, (x,))
    except Problem:
        pass
    else:
        assert not any(hook is raising for hook in model._forward_hooks.values())
    assert snapshot(model) == before


def test_running_it_gives_the_same_result_as_before() -> None:
    model, x = Dropping().eval(), torch.randn(2, 3, 8, 8)
    with torch.no_grad():
        random.seed(0), numpy.random.seed(0)
        expected = model(x)
        analyze(model, (x,))
        random.seed(0), numpy.random.seed(0)
        assert torch.equal(model(x), expected)


def test_two_analyses_are_equal() -> None:
    model = Dropping().eval()
    first, second = (analyze(model, (torch.randn(2, 3, 8, 8),)) for _ in range(2))
    assert first == second


def test_the_input_is_not_changed() -> None:
    class Doubling(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.mul_(2) if x.sum() > 0 else x

    x = torch.ones(3)
    assert analyze(Doubling(), (x,)).tracing.mode == "real"
    assert torch.equal(x, torch.ones(3))
