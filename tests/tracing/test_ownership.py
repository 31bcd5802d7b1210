"""The stack knows which module runs, counts calls, and leaves no hook behind."""

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.modules import module as hooks

from analyzer import analyze
from analyzer.tracing.ownership import ModuleStack, kind_of


class Watching(nn.Module):
    """Notes the running path whenever it is called."""

    def __init__(self, seen: list[str]) -> None:
        super().__init__()
        self.seen = seen
        self.stack: Any = None

    def forward(self, x: torch.Tensor, *, scale: int = 1) -> torch.Tensor:
        self.seen.append(self.stack.path)
        return x * scale


class Twice(nn.Module):
    def __init__(self, child: nn.Module) -> None:
        super().__init__()
        self.child = child

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.child(self.child(x), scale=2)


def watched(seen: list[str]) -> tuple[nn.Module, ModuleStack]:
    leaf = Watching(seen)
    model = nn.Sequential(nn.ReLU(), Twice(leaf))
    stack = ModuleStack(model)
    object.__setattr__(leaf, "stack", stack)
    return model, stack


def test_the_innermost_module_is_running() -> None:
    seen: list[str] = []
    model, stack = watched(seen)
    with stack.following():
        model(torch.ones(2, 3))
    assert seen == ["1.child", "1.child"]
    assert stack.path == ""


def test_calls_are_counted_with_the_shapes_of_the_first() -> None:
    model, stack = watched([])
    with stack.following():
        model(torch.ones(2, 3))
    rows = {row.path: row for row in stack.summary()}
    assert {path: row.calls for path, row in rows.items()} == {"": 1, "0": 1, "1": 1, "1.child": 2}
    assert rows["1.child"].input_shapes == rows["1.child"].output_shapes == ((2, 3),)


def test_modules_never_called_come_last() -> None:
    model = nn.ModuleDict({"idle": nn.ReLU(), "used": nn.Tanh()})
    stack = ModuleStack(model)
    with stack.following():
        model["used"](torch.ones(1))
    assert [row.path for row in stack.summary()] == ["used", "", "idle"]


def test_a_module_made_during_the_forward_belongs_to_its_caller() -> None:
    seen: list[str] = []

    class Making(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            made = Watching(seen)
            object.__setattr__(made, "stack", stack)
            return made(x)

    model = nn.Sequential(Making())
    stack = ModuleStack(model)
    with stack.following():
        model(torch.ones(1))
    assert seen == ["0"]


class Failing(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        raise ValueError("no")


class Catching(nn.Module):
    def __init__(self, seen: list[str]) -> None:
        super().__init__()
        self.failing = Failing()
        self.after = Watching(seen)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        try:
            return self.failing(x)
        except ValueError:
            return self.after(x)


def test_a_caught_exception_does_not_leave_its_module_running() -> None:
    seen: list[str] = []
    model = Catching(seen)
    stack = ModuleStack(model)
    object.__setattr__(model.after, "stack", stack)
    with stack.following():
        model(torch.ones(1))
    assert seen == ["after"]


def test_the_failing_module_and_its_input_are_known() -> None:
    model = nn.Sequential(nn.ReLU(), Failing())
    stack = ModuleStack(model)
    with pytest.raises(ValueError, match="no"), stack.following():
        model(torch.ones(2, 3))
    assert stack.failed == ("1", ((2, 3),))


def test_a_module_that_returns_nothing_did_not_fail() -> None:
    class Silent(nn.Module):
        def forward(self, x: torch.Tensor) -> None:
            return None

    model = nn.Sequential(Silent())
    stack = ModuleStack(model)
    with stack.following():
        model(torch.ones(1))
    assert stack.failed is None


def test_no_hook_is_left_behind() -> None:
    before = {
        name: len(value) for name, value in vars(hooks).items() if name.startswith("_global") and value is not None
    }
    model = nn.Sequential(Failing())
    stack = ModuleStack(model)
    with pytest.raises(ValueError, match="no"), stack.following():
        model(torch.ones(1))
    after = {
        name: len(value) for name, value in vars(hooks).items() if name.startswith("_global") and value is not None
    }
    assert before == after


def test_kinds_are_the_classes_that_the_user_wrote() -> None:
    normed = nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 4, 1))
    assert kind_of(normed) == "Conv2d"
    assert kind_of(torch.jit.script(nn.Conv2d(3, 4, 1))) == "Conv2d"
    assert kind_of(Failing()) == "Failing"


class Steps(nn.Module):
    """Yields a product before and after its layer, and returns one."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)
        self.weight = nn.Parameter(torch.ones(4, 4))

    def forward(self, x: torch.Tensor) -> Any:
        yield x @ self.weight
        received = yield self.layer(x)
        return received @ self.weight


class Consuming(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.steps = Steps()
        self.weight = nn.Parameter(torch.ones(4, 4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        steps = self.steps(x)
        x = next(steps) @ self.weight
        x = x + next(steps)
        try:
            steps.send(x)
        except StopIteration as end:
            x = end.value
        return x


def test_what_a_generator_does_later_is_its_own_modules_work() -> None:
    rows = {row.path: row.macs for row in analyze(Consuming(), torch.ones(1, 4)).layers}
    assert rows == {"": 4 * 4, "steps": 2 * 4 * 4, "steps.layer": 4 * 4}


class Refusing(nn.Module):
    """Sees what is thrown into it, and that it is closed."""

    def __init__(self, seen: list[str]) -> None:
        super().__init__()
        self.seen = seen

    def forward(self, x: torch.Tensor) -> Any:
        try:
            yield x
        except ValueError:
            self.seen.append("thrown")
        try:
            yield x
        finally:
            self.seen.append("closed")


def test_a_followed_generator_can_be_thrown_into_and_closed() -> None:
    seen: list[str] = []
    model = Refusing(seen)
    stack = ModuleStack(model)
    with stack.following():
        items = model(torch.ones(1))
        next(items)
        items.throw(ValueError())
        items.close()
        assert stack.path == ""
    assert seen == ["thrown", "closed"]
