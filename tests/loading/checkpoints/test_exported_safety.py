"""No exported program runs code of its own, by whichever way it tries."""

import io
import json
import os
import pickle
import zipfile

import pytest
import torch
from torch import nn

from analyzer.loading import load
from analyzer.loading.checkpoints.exported_safety import OPERATOR, _is_size
from analyzer.values.errors import Problem
from analyzer.values.requests import ModelRequest

MARK = "the_code_ran"


class Touch:
    """Makes a file when it is unpickled."""

    def __reduce__(self):
        return os.mkdir, (MARK,)


@pytest.fixture(scope="module")
def whole():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(4, 4)

        def forward(self, x):
            return self.fc(x.reshape(x.shape[0] * 2, -1)).relu()

    shapes = {"x": {0: torch.export.Dim("b", min=2, max=64)}}
    stream = io.BytesIO()
    torch.export.save(torch.export.export(Net(), (torch.randn(4, 8),), dynamic_shapes=shapes), stream)
    return stream.getvalue()


@pytest.fixture
def changed(whole, tmp_path, monkeypatch):
    """Writes the program with some members replaced and returns the path."""
    monkeypatch.chdir(tmp_path)

    def write(replace):
        with zipfile.ZipFile(io.BytesIO(whole)) as old, zipfile.ZipFile("net.pt2", "w", zipfile.ZIP_STORED) as new:
            root = old.namelist()[0].partition("/")[0]
            members = {name.partition("/")[2]: old.read(name) for name in old.namelist()}
            for name, content in replace(members).items():
                new.writestr(f"{root}/{name}", content)
        return "net.pt2"

    return write


def in_program(change):
    def replace(members):
        tree = json.loads(members["models/model.json"])
        change(tree)
        return members | {"models/model.json": json.dumps(tree).encode()}

    return replace


def saved(thing):
    stream = io.BytesIO()
    torch.save(thing, stream)
    return stream.getvalue()


def pickled_weight(members):
    config = json.loads(members["data/weights/model_weights_config.json"])
    entry = next(iter(config["config"].values()))
    entry["use_pickle"] = True
    return members | {
        "data/weights/model_weights_config.json": json.dumps(config).encode(),
        f"data/weights/{entry['path_name']}": saved(Touch()),
    }


def opaque_constant(members):
    entry = {"path_name": "opaque_obj_0", "is_param": False, "use_pickle": True, "tensor_meta": None}
    return members | {
        "data/constants/model_constants_config.json": json.dumps({"config": {"c": entry}}).encode(),
        "data/constants/opaque_obj_0": pickle.dumps(Touch()),
    }


def node_calls(target):
    return in_program(lambda tree: tree["graph_module"]["graph"]["nodes"][0].update(target=target))


def size_expression(text):
    def change(tree):
        for value in tree["graph_module"]["graph"]["sym_int_values"].values():
            value["as_expr"]["expr_str"] = text

    return in_program(change)


def tree_specification(tree):
    tree["graph_module"]["signature"]["in_spec"] = (
        '[1, {"default_factory_module": "os", "default_factory_name": "abort"}]'
    )


def test_the_unchanged_program_is_loaded(changed):
    assert load(ModelRequest(changed(lambda members: members))).kind == "Net"


@pytest.mark.parametrize(
    ("replace", "message"),
    [
        (
            lambda members: members | {"data/sample_inputs/model.pt": saved(Touch())},
            "data/sample_inputs/model.pt pickles",
        ),
        (pickled_weight, "data/weights/weight_0 pickles"),
        (opaque_constant, "data/constants/opaque_obj_0 pickles"),
        (
            lambda members: members | {"data/constants/model.pt": saved({"c": Touch()})},
            "data/constants/model.pt pickles",
        ),
        (lambda members: members | {"data/aotinductor/model/model.so": b"\x7fELF"}, "compiled code data/aotinductor"),
        (node_calls("torch.os.mkdir"), "a node calls torch.os.mkdir"),
        (node_calls("torch.ops.load_library"), "a node calls torch.ops.load_library"),
        (node_calls("_operator.methodcaller"), "a node calls _operator.methodcaller"),
        (node_calls("torch.hub.load"), "a node calls torch.hub.load"),
        (size_expression(f"__import__('os').mkdir('{MARK}')"), "the size expression"),
        (size_expression(f"Max(\"__import__('os').mkdir('{MARK}')\", 2)"), "the size expression"),
        (size_expression("s77.__class__"), "the size expression"),
        (in_program(tree_specification), "a tree specification imports a module"),
    ],
)
def test_code_is_refused_and_named(changed, tmp_path, replace, message):
    path = changed(replace)
    with pytest.raises(Problem) as caught:
        load(ModelRequest(path))
    assert message in str(caught.value)
    assert not (tmp_path / MARK).exists()


def test_the_attack_is_real_and_trust_lets_it_through(changed, tmp_path):
    path = changed(lambda members: members | {"data/sample_inputs/model.pt": saved((Touch(), {}))})
    with pytest.raises(Problem):
        load(ModelRequest(path, trust=True))
    assert (tmp_path / MARK).exists()


@pytest.mark.parametrize(
    "text",
    [
        "2*s77",
        "Mul(Integer(2), Symbol('s77', positive=True, integer=True))",
        "StrictLessThan(s0, 3)",
        "Symbol('s77', positive=True, integer=True)",
        "Max(1, s0//2)",
        "-s0 + 4",
        "Eq(s0, 3)",
        "u0 % 2 == 0",
    ],
)
def test_a_size_expression(text):
    assert _is_size(text)


@pytest.mark.parametrize(
    "text",
    [
        *("exit()", "s0.x", "s0[0]", "'a'", "lambda: 3", "[1]", "Symbol('a b')", "Symbol(Max('s0'))", "Eq('s0', 1)"),
        *("f'{s0}'", "(s0 := 3)", "", "Symbol(name='x(1)')", None, "eval('1')", "sympify('1')", "a if b else c"),
    ],
)
def test_what_is_no_size_expression(text):
    assert not _is_size(text)


@pytest.mark.parametrize("name", ["torch.ops.aten.__and__.Tensor", "torch.ops.higher_order.cond", "torch.sym_max"])
def test_an_operator(name):
    assert OPERATOR.fullmatch(name)


@pytest.mark.parametrize(
    "name", ["os.system", "torch.load", "torch.ops.aten", "torch.ops.aten.from_file.default", "#x", ""]
)
def test_what_is_no_operator(name):
    assert not OPERATOR.fullmatch(name)
