"""Checkpoints that are damaged, foreign or hostile, alone and with a model; nothing that they pickle runs."""

import os
import pickle
import zipfile
from collections import OrderedDict

import pytest
import torch
from safetensors.torch import save_file

STATE = {
    "conv.weight": torch.zeros(8, 3, 3, 3),
    "conv.bias": torch.zeros(8),
    "head.weight": torch.zeros(10, 8),
    "head.bias": torch.zeros(10),
}
"""The state of `Net`."""


class Calls:
    """Pickles as a call of `function`."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


class Record:
    """A class of the training script's own."""


def hostile(kind):
    """A state with a value that makes a file named `ran` when it is unpickled."""
    values = {
        "os.system": Calls(os.system, "touch ran"),
        "builtins.exec": Calls(exec, "open('ran', 'w')"),
        "builtins.eval": Calls(eval, "open('ran', 'w')"),
        "io.open": Calls(open, "ran", "w"),
    }
    return OrderedDict(STATE, extra=values[kind])


def saved(value, name="weights.pth", **options):
    torch.save(value, name, **options)
    return name


HOSTILE = ["os.system", "builtins.exec", "builtins.eval", "io.open"]
WRITERS = {
    "zip": saved,
    "legacy": lambda value: saved(value, _use_new_zipfile_serialization=False),
    "named pt": lambda value: saved(value, "weights.pt"),
    "named safetensors": lambda value: saved(value, "weights.safetensors"),
    "nested": lambda value: saved({"epoch": 1, "state_dict": STATE, "optimizer": value}),
}


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("use", [(), ("model.py", "--checkpoint")])
def test_code_is_refused_by_name(here, kind, writer, use):
    here.net()
    name = WRITERS[writer](hostile(kind))
    told = here.refused(*use, name)
    assert told == (
        f"{name} pickles code ({kind}): refused; load it with --trust-checkpoint only if you trust its source"
    )


@pytest.mark.parametrize("use", [(), ("model.py", "--checkpoint")])
def test_a_bare_pickle_is_refused(here, use):
    here.net()
    here.write("weights.pth", pickle.dumps(hostile("os.system")))
    assert "os.system" in here.refused(*use, "weights.pth")


def test_a_class_that_only_the_training_script_has_is_refused(here):
    assert "pickles code (" in here.refused(saved({"state_dict": STATE, "args": Record()}))


def test_a_pickled_model_is_refused(here):
    told = here.refused(saved(torch.nn.Linear(2, 3)))
    assert told.startswith("weights.pth pickles code (torch.nn.modules.linear.Linear")


def test_a_shard_that_pickles_code_is_refused(here):
    saved(hostile("os.system"), "part.bin")
    here.write("model.bin.index.json", '{"weight_map": {"conv.weight": "part.bin"}}')
    assert here.refused("model.bin.index.json").startswith("part.bin pickles code (os.system): refused")


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_trusted_is_loaded_and_runs(here, kind):
    here.net()
    saved(hostile(kind))
    report = here.json("model.py", "--checkpoint", "weights.pth", "--trust-checkpoint")
    assert report["total"]["params"] == 8 * 3 * 3 * 3 + 8 + 10 * 8 + 10
    assert "ran" in here.contents()


def cut(name, part):
    """The same file without its last part."""
    with open(name, "rb+") as file:  # noqa: PTH123
        file.truncate(int(os.path.getsize(name) * part))  # noqa: PTH202
    return name


def stored_safely(state):
    save_file(state, "weights.safetensors")
    return "weights.safetensors"


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("use", [(), ("model.py", "--checkpoint")])
@pytest.mark.parametrize("write", [WRITERS["zip"], WRITERS["legacy"], stored_safely])
def test_a_truncated_file(here, part, use, write):
    here.net()
    name = cut(write(STATE), part)
    told = here.refused(*use, name)
    assert told.startswith(f"{name} is truncated or damaged (")
    assert told.endswith("; copy it again")


@pytest.mark.parametrize("use", [(), ("model.py", "--checkpoint")])
@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "weights.pth is empty; copy or save the checkpoint again"),
        (b"\x89PNG\r\n\x1a\n", "weights.pth is not a checkpoint: neither an archive of torch.save nor safetensors"),
        (b"{}", "weights.pth is not a checkpoint: neither an archive of torch.save nor safetensors nor a shard index"),
        (b"<!DOCTYPE html>", "weights.pth is not a checkpoint: neither an archive of torch.save nor safetensors"),
        (b"version https://git-lfs.github.com/spec/v1\n", "weights.pth is a Git LFS pointer, not the file itself; "),
        (b"\0" * 64, "weights.pth is not a checkpoint: neither an archive of torch.save nor safetensors"),
        (b"PK\x03\x04", "weights.pth is truncated or damaged ("),
    ],
)
def test_what_is_not_a_checkpoint(here, use, content, told):
    here.net()
    here.write("weights.pth", content)
    assert here.refused(*use, "weights.pth").startswith(told)


@pytest.mark.parametrize("use", [(), ("model.py", "--checkpoint")])
def test_an_archive_of_something_else(here, use):
    here.net()
    with zipfile.ZipFile("weights.pth", "w") as archive:
        archive.writestr("notes.txt", "hello")
    assert here.refused(*use, "weights.pth").startswith(
        "weights.pth is a zip archive, which is not read here; unpack it"
    )


@pytest.mark.parametrize("value", [3, [torch.ones(2)], {}, {"epoch": 3}, torch.ones(2)])
def test_a_file_without_named_tensors(here, value):
    told = here.refused(saved(value))
    assert told == "weights.pth holds no named tensors; give the file of a model's state_dict"


def test_a_shard_that_is_not_there(here):
    here.write("model.safetensors.index.json", '{"weight_map": {"a": "gone.safetensors"}}')
    assert here.refused("model.safetensors.index.json") == (
        "model.safetensors.index.json names 1 of 1 shards that are not beside it (gone.safetensors); copy them there"
    )


def test_no_such_checkpoint(here):
    here.net()
    told = here.refused("model.py", "--checkpoint", "gone.pth")
    assert told == "no such file: gone.pth; check the path of the checkpoint"


def test_a_directory_as_checkpoint(here):
    here.net()
    assert here.refused("model.py", "--checkpoint", ".") == ". is a directory; give the checkpoint file in it"


def test_a_checkpoint_of_another_model(here):
    here.net()
    told = here.refused("model.py", "--checkpoint", saved({"layers.0.weight": torch.zeros(4, 4)}))
    assert told == (
        "weights.pth has none of the model's tensors (it has layers.0.weight; the model wants conv.weight, conv.bias, "
        "head.weight and 1 more): give the checkpoint of this very model"
    )


def test_a_checkpoint_for_another_number_of_classes(here):
    here.net()
    other = STATE | {"head.weight": torch.zeros(5, 8), "head.bias": torch.zeros(5)}
    assert here.refused("model.py", "--checkpoint", saved(other)) == (
        "weights.pth does not fit the model in 2 tensors (head.weight is 5x8 in the file, 10x8 in the model; "
        "head.bias is 5 in the file, 10 in the model): give the checkpoint of this very model"
    )


@pytest.mark.parametrize(("targets", "checkpoints"), [(1, 2), (2, 1), (3, 2)])
def test_another_number_of_checkpoints_than_targets(here, targets, checkpoints):
    here.net()
    saved(STATE)
    told = here.refused(*["model.py"] * targets, *["--checkpoint", "weights.pth"] * checkpoints)
    assert told.endswith(": give --checkpoint once for each target, in their order")


def test_a_checkpoint_of_a_checkpoint(here):
    saved(STATE)
    told = here.refused("weights.pth", "--checkpoint", "weights.pth")
    assert told == "weights.pth is stored with its weights, so --checkpoint cannot change it; leave it out"


def test_a_damaged_exported_program(here):
    torch.export.save(torch.export.export(torch.nn.Linear(2, 3), (torch.ones(1, 2),)), "net.pt2")
    assert here.refused(cut("net.pt2", 0.5)).startswith("net.pt2 ")


def test_an_exported_program_as_checkpoint(here):
    here.net()
    torch.export.save(torch.export.export(torch.nn.Linear(2, 3), (torch.ones(1, 2),)), "net.pt2")
    told = here.refused("model.py", "--checkpoint", "net.pt2")
    assert told == "net.pt2 is an exported program, not a checkpoint; give it as the target itself"
