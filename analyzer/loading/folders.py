"""What a folder holds that could be analysed, recognised by names and text: nothing in it is run."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from analyzer.loading.file_kinds import parsed

CHECKPOINTS = (".safetensors.index.json", ".bin.index.json", ".safetensors", ".pth", ".pt", ".pt2", ".ckpt", ".bin")
"""Suffixes of what can be given as a target, the index of several files before the files."""
PASSED_OVER = ("site-packages", "node_modules", "__pycache__", "venv", "build", "dist")
MOST_FILES = 2000
"""Files that are looked at before it is called enough."""
SHOWN = 5


def described(folder: Path) -> str:
    """In one sentence what the folder is or holds, and what to give as the target in its place."""
    if is_distributed(folder):
        return _distributed(folder)
    if (folder / "config.json").is_file():
        return f"{folder} is a directory with a configuration of transformers; give it as transformers:{folder}"
    if (folder / "model_index.json").is_file():
        parts = [path.parent.name for path in sorted(folder.glob("*/config.json"))]
        return (
            f"{folder} is a directory of a pipeline's models ({', '.join(parts)}); give a Python file that builds one"
        )
    if (folder / "saved_model.pb").is_file():
        return f"{folder} is a directory with a TensorFlow model; give the PyTorch model that it was made from"
    files = list(islice(_files(folder), MOST_FILES))
    models = [path for path in files if path.suffix == ".py" and _defines_model(path)]
    found = _listed([*models, *_stored(files)])
    return f"{folder} is a directory; give a file in it{found or ' that defines a model, or a checkpoint'}"


def described_as_checkpoint(folder: Path) -> str:
    """The same for a folder that was given in place of a checkpoint."""
    if is_distributed(folder):
        return _distributed(folder)
    return (
        f"{folder} is a directory; give the checkpoint file in it{_listed(_stored(islice(_files(folder), MOST_FILES)))}"
    )


def is_distributed(folder: Path) -> bool:
    """Whether torch.distributed.checkpoint wrote it."""
    return (folder / ".metadata").is_file() and next(folder.glob("*.distcp"), None) is not None


def _distributed(folder: Path) -> str:
    converted = f"python -m torch.distributed.checkpoint.format_utils dcp_to_torch {folder} weights.pt"
    return f"{folder} is a distributed checkpoint of several files; make one file of them with {converted}"


def _stored(files: Iterable[Path]) -> list[Path]:
    listed = list(files)
    return [path for suffix in CHECKPOINTS for path in listed if path.name.endswith(suffix)]


def _listed(paths: list[Path]) -> str:
    """Words that name the first of them; empty without any."""
    found = [Path(os.path.normpath(path)).as_posix() for path in dict.fromkeys(paths)]
    rest = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return f", such as {', '.join(found[:SHOWN])}{rest}" if found else ""


def _files(folder: Path) -> Iterator[Path]:
    """Those nearest to the folder first."""
    level = [folder]
    while level:
        below: list[Path] = []
        for place in level:
            entries = _entries(place)
            yield from (path for path in entries if path.is_file())
            below += [path for path in entries if path.is_dir() and not path.is_symlink()]
        level = below


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(p for p in folder.iterdir() if not p.name.startswith(".") and p.name not in PASSED_OVER)
    except OSError:
        return []


def _defines_model(path: Path) -> bool:
    """Whether a class in the file has a base named like `nn.Module`, or a builder's name is there."""
    tree = parsed(path)
    bases = (base for node in tree.body if isinstance(node, ast.ClassDef) for base in node.bases)
    builders = (node.name == "build_model" for node in tree.body if isinstance(node, ast.FunctionDef))
    return any(ast.unparse(base).endswith("Module") for base in bases) or any(builders)
