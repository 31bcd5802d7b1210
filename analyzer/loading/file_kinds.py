"""What a file is, recognised by its content and never by its name."""

from __future__ import annotations

import ast
import json
import zipfile
from pathlib import Path
from typing import Literal

from analyzer.values.errors import Problem

Kind = Literal["checkpoint", "torchscript", "exported", "python", "unknown"]
Format = Literal[
    "torch",
    "legacy torch",
    "tar",
    "pickle",
    "safetensors",
    "sharded torch",
    "sharded safetensors",
    "torchscript",
    "exported",
]

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C.to_bytes(10, "little")
"""The number that torch.save wrote first, before it wrote zip archives (torch.serialization.MAGIC_NUMBER)."""
MAX_HEADER = 100_000_000
"""The longest header, in bytes, that safetensors allows."""
MAX_SOURCE = 4_000_000
"""Bytes; no Python file written by hand is longer."""
MAX_INDEX = 200_000_000
"""Bytes; the index of a sharded checkpoint takes about 100 for each tensor."""
MOST_UNPACKED = 20
"""Times its own size that an archive may hold: torch stores weights as they are and compresses only code."""
SMALL = 100_000_000
"""Bytes that any machine can unpack, however well they were compressed."""


def kind_of_file(path: Path) -> Kind:
    """What the file holds; "unknown" also when there is no such file; Problem as `format_of`."""
    if not path.is_file():
        return "unknown"
    found = format_of(path)
    if found == "torchscript" or found == "exported":
        return found
    if found is not None:
        return "checkpoint"
    return "python" if path.stat().st_size <= MAX_SOURCE and parsed(path).body else "unknown"


def format_of(path: Path) -> Format | None:
    """How the file stores tensors, None when it does not look like it does; a cut archive counts as "torch".

    Problem for an archive that would fill the memory with what it unpacks to.
    """
    with path.open("rb") as file:
        head = file.read(512)
    if head.startswith(b"PK\x03\x04"):
        return _archive_format(path)
    if LEGACY_MAGIC in head[:32]:
        return "legacy torch"
    if head[257:262] == b"ustar":
        return "tar"
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= MAX_HEADER:
        return "safetensors"
    if head.lstrip().startswith(b"{"):
        return _index_format(path)
    return "pickle" if len(head) > 1 and head[0] == 0x80 and head[1] in range(2, 6) else None


def _archive_format(path: Path) -> Format | None:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            unpacked = sum(member.file_size for member in archive.infolist())
    except (zipfile.BadZipFile, ValueError, EOFError, NotImplementedError):  # damaged, or so are its names
        return "torch"
    if unpacked > MOST_UNPACKED * path.stat().st_size + SMALL:
        raise Problem(
            f"{path} would unpack from {path.stat().st_size:,} to {unpacked:,} bytes, more than weights can: "
            "refused; copy it again from a source that you trust"
        )
    inner = {name.partition("/")[2] or name for name in names}
    if "constants.pkl" in inner or any(name.startswith("code/") for name in inner):
        return "torchscript"
    if "serialized_exported_program.json" in inner or any(name.startswith("models/") for name in inner):
        return "exported"
    return "torch" if "data.pkl" in inner else None


def _index_format(path: Path) -> Format | None:
    if path.stat().st_size > MAX_INDEX:
        return None
    try:
        index = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return None
    shards = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(shards, dict) or not all(isinstance(shard, str) for shard in shards.values()):
        return None
    return "sharded safetensors" if any(s.endswith(".safetensors") for s in shards.values()) else "sharded torch"


def parsed(path: Path) -> ast.Module:
    """The syntax tree of a Python file; an empty one where it cannot be read or parsed."""
    try:
        return ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module([], [])
