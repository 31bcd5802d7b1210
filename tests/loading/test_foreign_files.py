"""A file of a known format that is not read is named for what it is, with what to do; so is a pointer of Git LFS."""

import io
import json
import tarfile
import zipfile

import numpy
import pytest
import torch

from analyzer.loading import load
from analyzer.loading.foreign_files import refuse_foreign
from analyzer.values.errors import Problem
from analyzer.values.requests import ModelRequest

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def npz():
    stream = io.BytesIO()
    numpy.savez(stream, weight=numpy.zeros(3))
    return stream.getvalue()


def tar(name="model/weights.pth"):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.addfile(tarfile.TarInfo(name))
    return stream.getvalue()


def keras():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("config.json", "{}")
        archive.writestr("model.weights.h5", b"")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("m.onnx", b"\x08\x08\x12\x07pytorch\x1a\x052.4.0", "an ONNX model, which is not read here; give the PyTorch"),
        ("m.bin", b"\x08\x08\x12\x07pytorch\x1a\x052.4.0", "an ONNX model, which is not read here; give the PyTorch"),
        (
            "m.gguf",
            b"GGUF\x03\x00\x00\x00",
            "a GGUF file of quantized weights, which is not read here; give the folder",
        ),
        ("m.npz", npz(), "an archive of NumPy arrays, which is not read here; save the model's state_dict with torch"),
        ("m.npy", b"\x93NUMPY\x01\x00", "one NumPy array, which is not read here; save the model's state_dict"),
        ("m.h5", b"\x89HDF\r\n\x1a\n\x00", "an HDF5 file, as Keras writes, which is not read here; give the PyTorch"),
        ("m.keras", keras(), "a Keras model, which is not read here; give the PyTorch model"),
        ("m.tflite", b"\x1c\x00\x00\x00TFL3", "a TensorFlow Lite model, which is not read here; give the PyTorch"),
        ("m.tar", tar(), "a tar archive, which is not read here; unpack it and give the model's file in it"),
        ("m.pth.gz", b"\x1f\x8b\x08\x00", "compressed with gzip, which is not read here; unpack it"),
        (
            "m.ipynb",
            b'{"cells": []}',
            "a notebook, which is not read here; write its code to a Python file with jupyter",
        ),
        ("config.json", b'{"model_type": "bert"}', "a configuration of transformers, which is not read here; give its"),
        ("m.pt", POINTER.encode(), "a Git LFS pointer, not the file itself; fetch that with git lfs pull"),
    ],
)
def test_what_it_is_and_what_to_do(tmp_path, name, content, told):
    (tmp_path / name).write_bytes(content)
    for request in (ModelRequest(name), ModelRequest("torchvision:resnet18", checkpoint=name)):
        with pytest.raises(Problem) as caught:
            load(request)
        assert str(caught.value).startswith(f"{name} is {told}")


@pytest.mark.parametrize(
    "content", [b"", b"\x08", b"\x08\x08\x12", b"text", b"\x08\x08\x12\x03\xff\xfe\xfd", tar("pickle")]
)
def test_what_is_not_known_is_let_through(tmp_path, content):
    (tmp_path / "file").write_bytes(content)
    refuse_foreign(tmp_path / "file")


def test_a_pointer_is_named_wherever_it_stands(tmp_path):
    pointer = "a Git LFS pointer, not the file itself"
    (tmp_path / "weights.safetensors").write_text(POINTER)
    (tmp_path / "config.json").write_text(POINTER)
    (tmp_path / "layers.py").write_text(POINTER)
    (tmp_path / "model.py").write_text("from layers import Net\n")
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"w": "weights.safetensors"}}))
    for target, named in (
        ("weights.safetensors", "weights.safetensors"),
        ("model.safetensors.index.json", "weights.safetensors"),
        ("transformers:.", "config.json"),
        ("layers.py", "layers.py"),
        ("model.py", "layers.py"),
    ):
        with pytest.raises(Problem, match=f"{named} is {pointer}"):
            load(ModelRequest(target))


def bomb(path, names, size=300_000_000):
    """A sound-looking archive of a few hundred kilobytes that unpacks to `size` zeros."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            with archive.open(name, "w") as member:
                for _ in range(size // 10_000_000):
                    member.write(bytes(10_000_000))


@pytest.mark.parametrize(
    "names",
    [
        ("m/data.pkl",),
        ("m/data.pkl", "m/constants.pkl"),
        ("m/models/model.json", "m/data/weights/weight_0"),
        ("weight.npy",),
    ],
)
def test_an_archive_that_unpacks_to_far_more_than_it_is_is_refused(tmp_path, names):
    bomb(tmp_path / "bomb.pt", names)
    with pytest.raises(Problem, match=r"would unpack from .* bytes, more than weights can: refused"):
        load(ModelRequest("bomb.pt", trust=True))


def test_an_archive_that_someone_compressed_is_not_a_bomb(tmp_path):
    bomb(tmp_path / "zeros.pt", ("m/notes.txt",), 50_000_000)
    with pytest.raises(Problem, match="is a zip archive"):
        load(ModelRequest("zeros.pt"))
    torch.save({"layer.weight": torch.zeros(10_000, 100)}, tmp_path / "weights.pt")
    assert load(ModelRequest("weights.pt")).tensors[0].shape == (10_000, 100)
