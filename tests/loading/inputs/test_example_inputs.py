"""Inputs are parsed, bound to forward, and taken from a file's `example_inputs` in every form."""

import pytest
import torch
from torch import nn

from analyzer.loading.inputs.example_inputs import assumed, from_example, given, parse, required, written_as
from analyzer.loading.loaded_model import Inputs, InputSpec
from analyzer.values.errors import Problem


class Two(nn.Module):
    def forward(self, a, b, c=None, *, d):
        return a, b, c, d


class Many(nn.Module):
    def forward(self, *inputs, **options):
        return inputs, options


@pytest.mark.parametrize(
    ("text", "name", "spec"),
    [
        ("1x3x224x224", None, InputSpec((1, 3, 224, 224))),
        ("1×3×8", None, InputSpec((1, 3, 8))),
        ("1X3", None, InputSpec((1, 3))),
        ("1,3,8", None, InputSpec((1, 3, 8))),
        (" 7 ", None, InputSpec((7,))),
        ("1x128:int64", None, InputSpec((1, 128), "int64")),
        ("1x128:long", None, InputSpec((1, 128), "int64")),
        ("1x128:half", None, InputSpec((1, 128), "float16")),
        ("input_ids=1x128:int64", "input_ids", InputSpec((1, 128), "int64")),
        ("x=1x3", "x", InputSpec((1, 3))),
        ("mask=1x3:bool", "mask", InputSpec((1, 3), "bool")),
    ],
)
def test_a_spec(text, name, spec):
    assert parse(text) == (name, spec)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "1x",
        "1x3xx",
        "0x3",
        "-1x3",
        "1x3:",
        "1x3:float31",
        "1.5x3",
        "=1x3",
        "a=b=1",
        "1x3:int64:x",
        "1 3",
        "2²",
    ],
)
def test_what_is_no_spec_is_told_with_the_text(text):
    with pytest.raises(Problem) as caught:
        parse(text)
    assert str(caught.value).startswith(f"--input {text}: ")


def test_an_error_shows_how_to_write_it_or_what_to_choose():
    with pytest.raises(Problem, match="write it like 1x3x224x224, 1x128:int64 or input_ids=1x128:int64"):
        parse("big")
    with pytest.raises(Problem, match="unknown dtype 'int63'; choose one of float16, "):
        parse("1x3:int63")


def test_positional_and_named_inputs_are_bound():
    inputs = given(["1x2", "b=1x3", "d=4"], Two())
    assert inputs == Inputs((InputSpec((1, 2)),), {"b": InputSpec((1, 3)), "d": InputSpec((4,))}, "")


def test_an_input_without_dtype_has_the_models():
    inputs = given(["1x2"], nn.Linear(2, 3, dtype=torch.bfloat16))
    assert inputs.args[0].dtype == "bfloat16"
    assert given(["1x2:float32"], nn.Linear(2, 3, dtype=torch.bfloat16)).args[0].dtype == "float32"


def test_any_name_goes_where_forward_takes_any():
    assert given(["1x2", "anything=1"], Many()).kwargs == {"anything": InputSpec((1,))}


@pytest.mark.parametrize("specs", [["1x2"], ["1", "2", "3", "4", "d=5"], ["1", "2", "e=3", "d=4"], ["1", "a=2", "d=3"]])
def test_what_does_not_fit_forward_is_told(specs):
    with pytest.raises(Problem, match=r"^--input does not fit Two\.forward\(a, b, c=None, \*, d\): "):
        given(specs, Two())


def test_images_for_a_model_that_wants_a_list():
    like = (Inputs(([InputSpec((3, 512, 512))],)),)
    assert given(["3x8x8", "3x9x9"], Two(), like).args == ([InputSpec((3, 8, 8)), InputSpec((3, 9, 9))],)


@pytest.mark.parametrize(
    ("module", "names"),
    [(Two(), ["a", "b", "d"]), (Many(), ["input"]), (nn.ReLU(), ["input"]), (nn.LSTM(1, 1), ["input"])],
)
def test_required_parameters(module, names):
    assert [parameter.name for parameter in required(module)] == names


X, Y = torch.zeros(1, 2), torch.ones(3)


@pytest.mark.parametrize(
    ("example", "args", "kwargs"),
    [
        (X, (X,), {}),
        ((X, Y), (X, Y), {}),
        ([X, Y], (X, Y), {}),
        ({"a": X, "b": Y}, (), {"a": X, "b": Y}),
        (lambda: X, (X,), {}),
        (lambda: {"a": X}, (), {"a": X}),
        (([X, Y],), ([X, Y],), {}),
        ((X, 3, "same"), (X, 3, "same"), {}),
    ],
)
def test_example_inputs_in_every_form(example, args, kwargs):
    inputs = from_example(example)
    assert inputs == Inputs(args, kwargs, "inputs are the file's `example_inputs`")


def test_an_example_without_memory_becomes_a_spec():
    inputs = from_example({"images": [torch.empty(3, 8, 8, device="meta")], "ids": torch.tensor([1, 2])})
    assert inputs.kwargs["images"] == [InputSpec((3, 8, 8))]
    assert inputs.kwargs["ids"].tolist() == [1, 2]


def test_an_assumption_says_what_and_why():
    pair = InputSpec((1, 3, 8, 8)), InputSpec((1, 5), "int64")
    assert written_as(pair[0]) == "1×3×8×8 float32"
    assert assumed([pair[:1]], "the file")[0].assumption == "input 1×3×8×8 float32 was assumed from the file"
    sentence = "inputs `a` 1×3×8×8 float32, `b` 1×5 int64 were assumed from the file"
    assert assumed([pair], "the file", ("a", "b"))[0].assumption == sentence
