"""Reads a checkpoint's names, shapes and dtypes without its data, and the data when it is asked for."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analyzer.loading.checkpoints.tensor_names import cleaned
from analyzer.loading.file_kinds import Format, format_of
from analyzer.loading.folders import described_as_checkpoint
from analyzer.loading.foreign_files import refuse_foreign
from analyzer.loading.loaded_model import dtype_name
from analyzer.loading.misspelling import similar
from analyzer.values.counts import StoredTensor
from analyzer.values.errors import Problem

if TYPE_CHECKING:
    from torch import Tensor

DTYPES = {
    **{f"F{bits}": f"float{bits}" for bits in (16, 32, 64)},
    **{f"I{bits}": f"int{bits}" for bits in (8, 16, 32, 64)},
    **{f"U{bits}": f"uint{bits}" for bits in (8, 16, 32, 64)},
    "BF16": "bfloat16",
    "BOOL": "bool",
    "C64": "complex64",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "F8_E8M0": "float8_e8m0fnu",
}
"""What safetensors calls a dtype, and what torch does."""


@dataclass(frozen=True)
class Checkpoint:
    """The tensors of a checkpoint as its headers describe them, in file order, under the names that a model has."""

    file: str
    """As the user gave it."""
    format: Format
    tensors: tuple[StoredTensor, ...]
    load: Callable[[], dict[str, Tensor]]
    """Reads the values, mapped from the file where its format allows; the names are those of `tensors`."""
    assumptions: tuple[str, ...] = ()
    """Sentences: which entries were taken and what was taken off their names."""


def read(path: Path, trust: bool = False) -> Checkpoint:
    """The checkpoint in a file: an archive of torch.save (zip, legacy), safetensors, or the index of a sharded one.

    Reads headers only; code that the file pickles is refused unless `trust` is True. Raises Problem for
    a file that is missing, empty, damaged, not a checkpoint, or without named tensors.
    """
    stored = _stored(path, trust)
    if not stored.tensors:
        raise Problem(f"{path} holds no named tensors; give the file of a model's state_dict")
    names, assumptions = cleaned(tensor.name for tensor in stored.tensors)

    def load() -> dict[str, Tensor]:
        return {names[name]: value for name, value in stored.load().items()}

    tensors = tuple(replace(tensor, name=names[tensor.name]) for tensor in stored.tensors)
    return replace(stored, tensors=tensors, load=load, assumptions=stored.assumptions + assumptions)


def _format(path: Path) -> Format:
    try:
        if path.is_dir():
            raise Problem(described_as_checkpoint(path))
        if path.stat().st_size == 0:
            raise Problem(f"{path} is empty; copy or save the checkpoint again")
        found = format_of(path)
        if found is None or found == "tar":
            refuse_foreign(path)
    except FileNotFoundError as error:
        raise Problem(f"no such file: {path}; check the path of the checkpoint{similar(path)}") from error
    except OSError as error:
        raise Problem(f"{path} cannot be read ({error.strerror or error}); check its permissions") from error
    if found is None:
        raise Problem(f"{path} is not a checkpoint: neither an archive of torch.save nor safetensors nor a shard index")
    if found == "torchscript" or found == "exported":
        name = {"torchscript": "a TorchScript archive", "exported": "an exported program"}[found]
        raise Problem(f"{path} is {name}, not a checkpoint; give it as the target itself")
    return found


def _stored(path: Path, trust: bool) -> Checkpoint:
    """What a file holds, under the names that are in the file."""
    found = _format(path)
    if found == "safetensors":
        return _safetensors(path)
    return _sharded(path, found, trust) if found.startswith("sharded") else _pickled(path, found, trust)


def _pickled(path: Path, found: Format, trust: bool) -> Checkpoint:
    from analyzer.loading.checkpoints.nesting import state_in
    from analyzer.loading.checkpoints.pickles import open_pickled

    zipped = found == "torch"
    state, assumptions = state_in(open_pickled(path, zipped, trust))

    def load() -> dict[str, Tensor]:
        return state_in(open_pickled(path, zipped, trust, values=True))[0]

    tensors = tuple(_described(name, value) for name, value in state.items())
    return Checkpoint(str(path), found, tensors, load, assumptions)


def _described(name: str, value: Tensor) -> StoredTensor:
    import torch

    dense = value.layout == torch.strided and not value.is_nested
    names = _PARTS.get(str(value.layout), ("values",))
    parts = [value] if dense else [getattr(value, name)() for name in names]
    shape = () if value.is_nested else tuple(value.shape)
    return StoredTensor(name, shape, dtype_name(value.dtype), sum(p.numel() * p.element_size() for p in parts))


_PARTS = {
    "torch.sparse_coo": ("_indices", "_values"),
    "torch.sparse_csr": ("crow_indices", "col_indices", "values"),
    "torch.sparse_bsr": ("crow_indices", "col_indices", "values"),
    "torch.sparse_csc": ("ccol_indices", "row_indices", "values"),
    "torch.sparse_bsc": ("ccol_indices", "row_indices", "values"),
}
"""The dense tensors that a sparse tensor consists of, by its layout; of a nested one it is the values."""


def _safetensors(path: Path) -> Checkpoint:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy"):  # compares the header with the length of the file
            header = _header(path)
    except (SafetensorError, OSError) as error:
        raise Problem(f"{path} is truncated or damaged ({error}); copy it again") from error
    entries = sorted(header.items(), key=lambda entry: entry[1]["data_offsets"])
    tensors = tuple(
        StoredTensor(name, tuple(entry["shape"]), DTYPES.get(entry["dtype"], entry["dtype"].lower()), end - begin)
        for name, entry in entries
        for begin, end in [entry["data_offsets"]]
    )

    def load() -> dict[str, Tensor]:
        from safetensors.torch import load_file

        return load_file(path)

    return Checkpoint(str(path), "safetensors", tensors, load)


def _header(path: Path) -> dict[str, Any]:
    """The JSON at the start of a safetensors file: its length in 8 bytes, little-endian, then the text."""
    with path.open("rb") as file:
        header: dict[str, Any] = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    header.pop("__metadata__", None)
    return header


def _sharded(path: Path, found: Format, trust: bool) -> Checkpoint:
    weight_map: dict[str, str] = json.loads(path.read_bytes())["weight_map"]
    shards = {name: path.parent / name for name in dict.fromkeys(weight_map.values())}
    absent = [name for name, shard in shards.items() if not shard.is_file() or shard.parent != path.parent]
    if absent:
        raise Problem(
            f"{path} names {len(absent)} of {len(shards)} shards that are not beside it ({absent[0]}); copy them there"
        )
    contents = [_stored(shard, trust) for shard in shards.values()]
    tensors = tuple(tensor for content in contents for tensor in content.tensors)
    lost = sorted(set(weight_map) - {tensor.name for tensor in tensors})
    if lost:
        raise Problem(f"{path} promises {lost[0]}, which {weight_map[lost[0]]} does not hold; download both anew")

    def load() -> dict[str, Tensor]:
        return {name: value for content in contents for name, value in content.load().items()}

    return Checkpoint(str(path), found, tensors, load)
