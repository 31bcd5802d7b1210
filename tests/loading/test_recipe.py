"""What the user's code raises becomes one sentence, and what it prints stays out of the report."""

import sys

import pytest
import torch
from torch import nn

from analyzer.loading.loaded_model import Inputs, InputSpec, Source
from analyzer.loading.recipe import Built, Recipe, subject_of
from analyzer.values.errors import Problem
from analyzer.values.requests import ModelRequest


def test_a_subject_has_what_the_recipe_says():
    declared = (Inputs((InputSpec((1, 2)),)),)
    recipe = Recipe("net", lambda: Built(nn.Linear(2, 3), Source("a.py", 4), declared), ("it was assumed",))
    loaded = subject_of(ModelRequest("a.py"), recipe)
    assert (loaded.name, loaded.target, loaded.kind, loaded.owned) == ("net", "a.py", "Linear", True)
    assert (loaded.candidates, loaded.assumptions) == (declared, ("it was assumed",))
    assert loaded.sources == {"": Source("a.py", 4)}
    assert loaded.module.weight.is_meta


def test_given_inputs_replace_declared_ones():
    recipe = Recipe("net", lambda: Built(nn.Linear(2, 3), None, (Inputs((InputSpec((1, 2)),)),)))
    assert subject_of(ModelRequest("a", inputs=["5x2"]), recipe).candidates == (Inputs((InputSpec((5, 2)),)),)


def test_what_is_printed_at_any_time_goes_to_stderr(capsys):
    def make():
        print("hello")
        return Built(nn.Linear(2, 3))

    subject_of(ModelRequest("a"), Recipe("net", make)).materialize()
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "hello\nhello\n")


def test_an_error_while_materializing_is_told_too():
    def make():
        if not torch.empty(1).is_meta:
            raise ValueError("too large")
        return Built(nn.Linear(2, 3))

    loaded = subject_of(ModelRequest("net.py"), Recipe("net", make))
    with pytest.raises(Problem, match=r"test_recipe\.py:\d+: ValueError: too large$"):
        loaded.materialize()


def test_an_error_of_eval_is_told():
    class Stubborn(nn.Linear):
        def train(self, mode=True):
            raise RuntimeError(f"never {mode}")

    with pytest.raises(Problem, match=r"test_recipe\.py:\d+: RuntimeError: never False$"):
        subject_of(ModelRequest("a"), Recipe("net", lambda: Built(Stubborn(2, 3))))


def test_a_keyboard_interrupt_is_not_an_error():
    def make():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        subject_of(ModelRequest("a"), Recipe("net", make))


def test_sys_exit_is_told():
    with pytest.raises(Problem, match=r"test_recipe\.py:\d+: sys\.exit was called while loading"):
        subject_of(ModelRequest("a"), Recipe("net", lambda: sys.exit(0)))


def test_torch_is_left_as_it_was():
    def make():
        torch.set_default_device("meta")
        torch.set_default_dtype(torch.float64)
        torch.manual_seed(5)
        return Built(nn.Linear(2, 3))

    state = torch.get_rng_state()
    loaded = subject_of(ModelRequest("a"), Recipe("net", make))
    assert loaded.module.weight.dtype == torch.float64
    assert torch.get_rng_state().equal(state)
    assert (torch.get_default_device().type, torch.get_default_dtype()) == ("cpu", torch.float32)
