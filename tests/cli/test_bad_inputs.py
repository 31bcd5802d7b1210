"""Inputs that are no shapes or that do not fit, and forwards that raise: which layer, what it got, what it wants."""

import re

import pytest

EXAMPLE = "write it like 1x3x224x224, 1x128:int64 or input_ids=1x128:int64"
CONV = "layer `conv`, Conv2d(3, 8, kernel_size=(3, 3), stride=(1, 1)),"
ASSUMED = (
    "(input 1×3×224×224 float32 was assumed from the first layer, Conv2d `conv`; give another with --input, such as"
)


@pytest.mark.parametrize(
    "spec",
    ["x", "3xx4", "1x3x0x224", "0x3x224x224", "1x-3", "1x3.5", "1x3x224x", "1,3,224,224 float", "y=1x", "1e3", "one"],
)
def test_what_is_not_a_list_of_sizes(here, spec):
    here.net()
    told = here.refused("model.py", "--input", spec)
    assert told == f"--input {spec}: {spec.removeprefix('y=')!r} is not a list of positive sizes; {EXAMPLE}"


@pytest.mark.parametrize("spec", ["", "x=", "1x3:", "=1x3", "a=b=1x3", "1x3:int64:x"])
def test_what_is_not_a_shape(here, spec):
    here.net()
    assert here.refused("model.py", "--input", spec) == f"--input {spec}: this is not a shape; {EXAMPLE}"


def test_an_unknown_dtype(here):
    here.net()
    told = here.refused("model.py", "--input", "1x3x8x8:floaty")
    assert told.startswith("--input 1x3x8x8:floaty: unknown dtype 'floaty'; choose one of float16, float32, ")


@pytest.mark.parametrize("spec", ["9" * 400, "1x3x" + "9" * 5000, "4294967296x4294967296", "1x3x3000000000x3000000000"])
def test_a_tensor_that_no_machine_holds(here, spec):
    here.net()
    told = here.refused("model.py", "--input", spec)
    assert told == f"--input {spec[:40]}: no machine can number the bytes of such a tensor; {EXAMPLE}"


def test_a_tensor_that_this_machine_does_not_hold_is_counted(here):
    here.net()
    report = here.json("model.py", "--input", "1x3x1000000x1000000")
    assert report["total"]["macs"] == 8 * 3 * 3 * 3 * 999_998 * 999_998 + 8 * 10


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        (
            "1x4x224x224",
            f"{CONV} refused its input 1×4×224×224: RuntimeError: .*to have 3 channels, but got 4 channels",
        ),
        ("1x3x224", f"{CONV} refused its input 1×3×224: RuntimeError: .*to have 3 channels, but got 1 channels"),
        ("224", f"{CONV} refused its input 224: RuntimeError: Expected 3D .unbatched. or 4D .batched. input"),
        ("1x3x2x2", f"{CONV} refused its input 1×3×2×2: RuntimeError: .*Kernel size can't be greater than actual"),
        ("1x3x9x9:int64", f"{CONV} refused its input 1×3×9×9: RuntimeError: Input type .long int."),
    ],
)
def test_a_shape_that_does_not_fit_names_the_layer(here, spec, told):
    here.net()
    message = here.refused("model.py", "--input", spec)
    assert message.startswith("model.py:12: ")
    pattern = told.replace("(", r"\(").replace(")", r"\)")
    assert re.match(pattern, message.removeprefix("model.py:12: "))


def test_a_linear_layer_says_what_it_wants(here):
    here.write("model.py", "from torch import nn\nmodel = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))\n")
    assert here.refused("model.py", "--input", "1x1x32x32").startswith(
        "layer `1`, Linear(in_features=784, out_features=10, bias=True), refused its input 1×1024: RuntimeError: "
    )


def test_an_embedding_refuses_floats(here):
    here.write("model.py", "from torch import nn\nmodel = nn.Sequential(nn.Embedding(10, 4))\n")
    told = here.refused("model.py", "--input", "1x8")
    assert told.startswith("layer `0`, Embedding(10, 4), refused its input 1×8: RuntimeError: ")
    assert "Long, Int; but got torch.float32" in told


@pytest.mark.parametrize(
    ("signature", "specs", "told"),
    [
        ("x", ("1x3x8x8", "1x3x8x8"), "Net.forward(x): too many positional arguments"),
        ("x, y", ("1x3x8x8",), "Net.forward(x, y): missing a required argument: 'y'"),
        ("x, *, mask", ("1x3x8x8",), "Net.forward(x, *, mask): missing a required"),
        ("x", ("y=1x3x8x8",), "Net.forward(x): missing a required argument: 'x'"),
        ("x", ("1x3x8x8", "y=1x3"), "Net.forward(x): got an unexpected keyword argument 'y'"),
        ("x", ("1x3x8x8", "x=1x3x8x8"), "Net.forward(x): multiple values for argument 'x'"),
    ],
)
def test_too_many_or_too_few(here, signature, specs, told):
    here.net("forward(self, x)", f"forward(self, {signature})")
    message = here.refused("model.py", *(word for spec in specs for word in ("--input", spec)))
    assert message.startswith(f"--input does not fit {told}")
    assert message.endswith("; give --input once for each argument, in order or by name")


def test_an_input_given_twice(here):
    here.net()
    told = here.refused("model.py", "--input", "x=1x3x8x8", "--input", "x=1x3x9x9")
    assert told == "--input x= is given 2 times; give each input once"


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("raise ValueError('not ready')", "ValueError: not ready"),
        ("raise ValueError('not\\nready')", "ValueError: not"),
        ("return x.missing", "AttributeError: 'Tensor' object has no attribute 'missing'"),
        ("return self.missing(x)", "AttributeError: 'Net' object has no attribute 'missing'"),
        ("return x.view(7, 7)", "RuntimeError: "),
        ("return self.forward(x)", "RecursionError: maximum recursion depth exceeded"),
        ("return self(x)", "RecursionError: maximum recursion depth exceeded"),
    ],
)
def test_a_forward_that_raises(here, statement, told):
    here.net("x = self.conv(x).mean((2, 3))", statement)
    message = here.refused("model.py")
    assert message.startswith(f"model.py:12: model Net raised, given 1×3×224×224: {told}")
    assert ASSUMED in message


@pytest.mark.parametrize(("statement", "status"), [("raise SystemExit(0)", 0), ("import sys; sys.exit(3)", 3)])
def test_a_forward_that_exits(here, statement, status):
    here.net("x = self.conv(x).mean((2, 3))", statement)
    told = here.refused("model.py", "--input", "1x3x9x9")
    assert told == f"model.py:12: the forward raised: SystemExit: {status}"


def test_a_given_input_is_not_said_to_be_assumed(here):
    here.net("x = self.conv(x).mean((2, 3))", "raise ValueError('not ready')")
    told = here.refused("model.py", "--input", "1x3x9x9")
    assert told == "model.py:12: model Net raised, given 1×3×9×9: ValueError: not ready"


def test_an_inner_forward_that_raises_is_named_by_its_path(here):
    head = "class Head(nn.Module):\n    def forward(self, x):\n        return x[:, self.index]\n"
    here.net("self.head = nn.Linear(width, 10)", "self.head = nn.Sequential(nn.ReLU(), Head())", more=head)
    assert here.refused("model.py:Net", "--input", "1x3x9x9") == (
        "model.py:16: layer `head.1`, Head, raised, given 1×8: AttributeError: 'Head' object has no attribute 'index'"
    )


def test_a_model_without_forward(here):
    here.write("model.py", "from torch import nn\nmodel = nn.Module()\n")
    assert 'Module [Module] is missing the required "forward" function' in here.refused("model.py")


@pytest.mark.parametrize(
    "example", ["torch.zeros(1, 4, 9, 9)", "(torch.zeros(1, 4, 9, 9),)", "{'x': torch.zeros(1, 4, 9, 9)}"]
)
def test_an_example_of_the_file_that_does_not_fit(here, example):
    here.net(more=f"example_inputs = {example}\n")
    told = here.refused("model.py")
    assert told.startswith(f"model.py:12: {CONV} refused its input 1×4×9×9: RuntimeError: ")
    assert "(inputs are the file's `example_inputs`; give another with --input, such as --input 1x3x224x224)" in told


def test_an_example_that_is_no_tensor(here):
    here.net(more="example_inputs = 'text'\n")
    assert here.refused("model.py").startswith(f"model.py:12: {CONV} refused its input: TypeError: ")


@pytest.mark.parametrize("raised", ["KeyboardInterrupt", "BaseException", "GeneratorExit"])
def test_a_forward_that_ends_the_interpreter(here, raised):
    here.net("x = self.conv(x).mean((2, 3))", f"raise {raised}")
    told = here.refused("model.py")
    assert told == f"model.py:12: {raised}: the model's code ended the analysis; a model must not exit"


def test_an_index_beyond_a_table_is_told_when_values_count(here):
    here.net(
        "self.head = nn.Linear(width, 10)\n\n    def forward(self, x):\n        x = self.conv(x).mean((2, 3))",
        "self.head = nn.Embedding(2, 4)\n\n    def forward(self, x):\n        x = x + int(x.max()) + 7",
    )
    told = here.refused("model.py", "--input", "1x8:int64")
    assert (
        told
        == "model.py:13: layer `head`, Embedding(2, 4), refused its input 1×8: IndexError: index out of range in self"
    )


def test_an_input_without_a_batch(here):
    here.net()
    told = here.refused("model.py", "--input", "3x224x224")
    assert told.startswith("model.py:12: model Net raised, given 3×224×224: IndexError: ")
    assert told.endswith(" (the input has no batch dimension; give it with one, as --input 1x3x224x224)")
    assert "batch" not in here.refused("model.py", "--input", "4x224x224")
