"""Refuses an exported program that could run code of its own, judged by its archive, which is not loaded.

Beside tensors, `torch.export.load` unpickles objects, evaluates size expressions as Python, imports
modules that tree specifications name and calls any function below `torch` that a node names
(torch/export/pt2_archive/_package.py, torch/_export/serde/serialize.py). Tensors and registered
operators are let through; everything else is named and refused.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

from analyzer.values.errors import Problem, first_line

OPERATOR = re.compile(
    r"torch\.ops\.(?!aten\.from_file)\w+\.\w+\.\w+|torch\.ops\.higher_order\.\w+|torch\._?sym_\w+"
    r"|_operator\.(?!attrgetter|methodcaller|itemgetter|call)\w+|math\.\w+"
)
"""What a node may call: a registered operator, or arithmetic on sizes."""
SIZE_FUNCTIONS = frozenset(
    (
        *("Max", "Min", "Mod", "PythonMod", "FloorDiv", "CeilDiv", "CleanDiv", "ModularIndexing", "LShift", "RShift"),
        *("PowByNatural", "FloatPow", "Where", "IntTrueDiv", "FloatTrueDiv", "ToFloat", "TruncToInt", "TruncToFloat"),
        *("CeilToInt", "FloorToInt", "RoundToInt", "RoundDecimal", "Identity", "IsNonOverlappingAndDenseIndicator"),
        *("Add", "Mul", "Pow", "Rational", "Abs", "floor", "ceiling", "And", "Or", "Not", "Eq", "Ne", "Lt", "Le", "Gt"),
        *("Ge", "Equality", "Unequality", "GreaterThan", "StrictGreaterThan", "LessThan", "StrictLessThan"),
    )
)
NAMED = ("Symbol", "Integer", "Float")
"""Functions that take a word; the others would evaluate it."""
SIZE_SYNTAX = (
    *(ast.Expression, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.Call, ast.Name, ast.Load, ast.keyword),
    *(ast.Constant, ast.operator, ast.unaryop, ast.boolop, ast.cmpop),
)
IMPORTING = ("__enum__", "default_factory_module")
"""Keys of a tree specification that make the reader import a module of the file's choice."""


def refuse_code(path: Path) -> None:
    """Problem when the archive is damaged or holds anything but tensors and operators on them."""
    import torch

    try:
        records = _records(torch._C.PyTorchFileReader(str(path)))
        found = next(_code_in(records), None)
    except (RuntimeError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = first_line(str(error))
        raise Problem(f"{path} is truncated or no exported program ({reason}); export it again") from error
    if found is not None:
        raise Problem(f"{path} could run code while it is loaded ({found}); trust it with --trust-checkpoint")


def _records(reader: Any) -> dict[str, bytes]:
    """The archive's members but for plain weights, read as torch reads them."""
    names = reader.get_all_records()
    if not any(name.startswith("models/") for name in names):
        raise ValueError("it has no models/; torch older than 2.8 wrote another format")
    plain = re.compile(r"data/(weights/weight|constants/tensor)_\d+")
    pickled = set(_pickled_names(reader, names))
    return {name: reader.get_record(name) for name in names if not plain.fullmatch(name) or name in pickled}


def _pickled_names(reader: Any, names: list[str]) -> Iterator[str]:
    for name in names:
        if name.endswith("_config.json"):
            folder = name.rpartition("/")[0]
            entries = json.loads(reader.get_record(name))["config"].values()
            yield from (f"{folder}/{entry['path_name']}" for entry in entries if entry["use_pickle"])


def _code_in(records: dict[str, bytes]) -> Iterator[str]:
    """What in the archive is more than tensors and operators."""
    for name, content in records.items():
        if name.startswith("models/"):
            yield from _code_in_program(json.loads(content))
        elif name.startswith("data/aotinductor"):
            yield f"compiled code {name}"
        elif name.startswith("data/") and not name.endswith(".json"):
            yield from _code_in_object(name, content)


def _code_in_object(name: str, content: bytes) -> Iterator[str]:
    import torch

    if not content:
        return
    try:
        torch.load(BytesIO(content), map_location="cpu", weights_only=True)
    except Exception:
        yield f"{name} pickles an object that is not a tensor"


def _code_in_program(tree: Any) -> Iterator[str]:
    for key, value in _entries(tree):
        if key in ("target", "as_operator") and isinstance(value, str) and not OPERATOR.fullmatch(value):
            yield f"a node calls {value}"
        elif key == "expr_str" and not _is_size(value):
            yield f"the size expression {value!r}"
        elif isinstance(value, str) and any(word in value for word in IMPORTING):
            yield "a tree specification imports a module"


def _entries(tree: Any) -> Iterator[tuple[str, Any]]:
    """Every key with its value, at any depth."""
    pending = [tree]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            yield from item.items()
            pending += item.values()
        elif isinstance(item, list):
            pending += item


def _is_size(expression: Any) -> bool:
    """Whether evaluating it can do arithmetic alone: numbers, symbols and the functions of sizes."""
    try:
        nodes = list(ast.walk(ast.parse(expression, mode="eval")))
    except (SyntaxError, ValueError, TypeError, RecursionError):
        return False
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    if not all(isinstance(call.func, ast.Name) and call.func.id in (*SIZE_FUNCTIONS, *NAMED) for call in calls):
        return False
    named = {argument for call in calls if call.func.id in NAMED for argument in call.args}  # type: ignore[attr-defined]
    constants = (node for node in nodes if isinstance(node, ast.Constant))
    plain = all(isinstance(node.value, (int, float)) or (node in named and _is_word(node.value)) for node in constants)
    return plain and all(isinstance(node, SIZE_SYNTAX) for node in nodes)


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[\w.+-]+", value) is not None
