"""Files that hold a model in a form that is not read here: what each is, and what to do with it."""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path

from analyzer.values.errors import Problem
from analyzer.values.git_lfs import is_pointer

"""How every pointer file of Git LFS begins (git-lfs, docs/spec.md)."""
UNPACK = "unpack it and give the model's file in it"
ORIGINAL = "give the PyTorch model that it was made from"
MAGIC: tuple[tuple[int, bytes, str, str], ...] = (
    (
        0,
        b"GGUF",
        "a GGUF file of quantized weights",
        "give the folder of the model it was made from as transformers:DIR",
    ),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file, as Keras writes", ORIGINAL),
    (0, b"\x93NUMPY", "one NumPy array", "save the model's state_dict with torch.save"),
    (4, b"TFL3", "a TensorFlow Lite model", ORIGINAL),
    (0, b"\x1f\x8b", "compressed with gzip", UNPACK),
    (0, b"BZh", "compressed with bzip2", UNPACK),
    (0, b"\xfd7zXZ\x00", "compressed with xz", UNPACK),
    (0, b"\x28\xb5\x2f\xfd", "compressed with zstd", UNPACK),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK),
)
"""Offset and bytes, what they tell, what to do (the formats' own specifications)."""
TORCH_TAR = {"pickle", "storages", "tensors"}
"""Members of the tar archives that torch.save wrote before its version 0.1.10."""


def refuse_pointer(path: Path) -> None:
    """Problem when Git LFS has left its pointer in the file's place."""
    if is_pointer(path):
        raise Problem(f"{path} is a Git LFS pointer, not the file itself; fetch that with git lfs pull")


def refuse_foreign(path: Path) -> None:
    """Problem for a file whose format is known, though not read here."""
    refuse_pointer(path)
    with path.open("rb") as file:
        head = file.read(512)
    by_magic = ((kind, advice) for at, magic, kind, advice in MAGIC if head[at:].startswith(magic))
    found = next(by_magic, None) or _by_structure(path, head)
    if found is not None:
        raise Problem(f"{path} is {found[0]}, which is not read here; {found[1]}")


def _by_structure(path: Path, head: bytes) -> tuple[str, str] | None:
    if head[257:262] == b"ustar":
        return None if _is_torch_tar(path) else ("a tar archive", UNPACK)
    if head.startswith(b"PK\x03\x04"):
        return _of_zip(path)
    if path.suffix == ".ipynb":
        return "a notebook", f"write its code to a Python file with jupyter nbconvert --to script {path}"
    if path.suffix == ".onnx" or _is_onnx(head):
        return "an ONNX model", ORIGINAL
    if path.suffix == ".json" and b'"model_type"' in path.read_bytes()[:1_000_000]:
        return "a configuration of transformers", f"give its folder as transformers:{path.parent}"
    return None


def _is_torch_tar(path: Path) -> bool:
    """Whether it has a member of those; what cannot be listed is left to the reader of checkpoints."""
    try:
        with tarfile.open(path) as archive:
            return any(member.name.removeprefix("./") in TORCH_TAR for member in archive)
    except tarfile.TarError:
        return True


def _of_zip(path: Path) -> tuple[str, str] | None:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, ValueError, EOFError, NotImplementedError):  # damaged: the reader says more
        return None
    if names and all(name.endswith(".npy") for name in names):
        return "an archive of NumPy arrays", "save the model's state_dict with torch.save"
    if "config.json" in names and "model.weights.h5" in names:
        return "a Keras model", ORIGINAL
    return "a zip archive", UNPACK


def _is_onnx(head: bytes) -> bool:
    """A protobuf message that begins with ir_version and producer_name, as ONNX's exporters write it (onnx.proto)."""
    length = head[3] if len(head) > 3 else 0
    producer = head[4 : 4 + length]
    return head[:1] == b"\x08" and head[2:3] == b"\x12" and length > 1 and producer.isascii() and bool(producer.strip())
