"""A file's kind follows from its content alone."""

import json
import pickle
import tarfile

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from analyzer.loading.file_kinds import format_of, kind_of_file

STATE = {"w": torch.ones(2)}


def write_tar(path):
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(tarfile.TarInfo("storages"))


CHECKPOINTS = {
    "torch": lambda path: torch.save(STATE, path),
    "legacy torch": lambda path: torch.save(STATE, path, _use_new_zipfile_serialization=False),
    "tar": write_tar,
    "pickle": lambda path: path.write_bytes(pickle.dumps([1, 2])),
    "safetensors": lambda path: save_file(STATE, path),
    "sharded safetensors": lambda path: path.write_text(json.dumps({"weight_map": {"w": "a.safetensors"}})),
    "sharded torch": lambda path: path.write_text(json.dumps({"weight_map": {"w": "a.bin"}})),
}


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_checkpoints(name, tmp_path):
    path = tmp_path / "file.py"
    CHECKPOINTS[name](path)
    assert (format_of(path), kind_of_file(path)) == (name, "checkpoint")


def test_legacy_files_of_a_newer_protocol(tmp_path):
    torch.save(STATE, tmp_path / "w", _use_new_zipfile_serialization=False, pickle_protocol=4)
    assert format_of(tmp_path / "w") == "legacy torch"


def test_a_scripted_module(tmp_path):
    torch.jit.save(torch.jit.script(nn.Linear(2, 2)), tmp_path / "model.pth")
    assert kind_of_file(tmp_path / "model.pth") == "torchscript"


def test_an_exported_program(tmp_path):
    program = torch.export.export(nn.Linear(2, 2), (torch.ones(1, 2),))
    torch.export.save(program, tmp_path / "model.pth")
    assert kind_of_file(tmp_path / "model.pth") == "exported"


def test_python(tmp_path):
    (tmp_path / "model.pth").write_text("import torch\nmodel = torch.nn.Linear(2, 2)\n")
    assert kind_of_file(tmp_path / "model.pth") == "python"


@pytest.mark.parametrize("data", [b"", b"two words", b"\x89PNG\r\n\x1a\n", b"{", b"[1]\n}", b"PK\x05\x06" + bytes(18)])
def test_anything_else_is_unknown(data, tmp_path):
    (tmp_path / "file.pth").write_bytes(data)
    assert kind_of_file(tmp_path / "file.pth") == "unknown"


def test_what_is_not_a_file_is_unknown(tmp_path):
    assert kind_of_file(tmp_path) == kind_of_file(tmp_path / "absent") == "unknown"
