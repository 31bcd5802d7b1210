"""Tables to a `Config`, and what is wrong with them in one sentence: file, key and what is allowed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

import msgspec

from analyzer.config import tables as config
from analyzer.values import amounts
from analyzer.values.errors import Problem

ALLOWED: Final = {
    **dict.fromkeys(("params", "trainable-params", "macs"), amounts.COUNTS_ALLOWED),
    **dict.fromkeys(amounts.BYTES, amounts.BYTES_ALLOWED),
    "min": amounts.AMOUNTS_ALLOWED,
    "limit": amounts.AMOUNTS_ALLOWED,
    "level": "off, warn or error",
    "broken-base": "fail or absolute",
    "at": 'sizes of the inputs, such as "batch=1,height=640,width=640"',
    "dtype": "float64, float32, float16, bfloat16, float8, int8 or int4",
    "input": 'a text or a list of texts, such as ["1x3x224x224"]',
    "max-increase": 'a table such as { params = "2%", min = "20k" }, or a list of them',
    "max-degree": 'a table such as { sequence = 1 }, or "base"',
    "override": 'a table such as { limit = "6M", reason = "the new head", until = 2031-12-31 }',
    "until": "a date, such as 2031-12-31",
    "set": "a table of the builder's arguments, such as { width = 2 }",
    "models": "tables, each opened by [[models]]",
    "budgets": "tables, each opened by [[models.budgets]]",
    "formulas": 'a table such as { "mylib::op" = "module:function" }',
    "devices": "tables of peak_gflops and bandwidth_gbs, one for each name",
    **dict.fromkeys(("select", "ignore"), "a list of texts"),
}
STRUCTS: Final[Mapping[str, type[msgspec.Struct]]] = {
    "": config.Tables,
    "models": config.ModelConfig,
    "budgets": config.Budget,
    "max-increase": config.Increase,
    "override": config.Override,
}
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(.*)`")
_MISSING: Final = re.compile(r"Object missing required field `(.*)`")


def checked(tables: dict[str, Any], path: Path) -> config.Config:
    """The configuration that the tables are; Problem for the first mistake."""
    if _holds_nul(tables):
        raise Problem(f"{path}: a text holds a NUL character, which no file or name can")
    try:
        found = msgspec.convert(tables, config.Tables, dec_hook=lambda kind, value: kind(config.READERS[kind](value)))
    except msgspec.ValidationError as error:
        raise Problem(_sentence(str(error), tables, path)) from None
    known = {name: getattr(found, name) for name in found.__struct_fields__}
    complete = config.Config(**known, file=path)
    for complaint in _complaints(complete):
        raise Problem(f"{path}: {complaint}")
    return complete


def _holds_nul(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_holds_nul, (*value, *value.values())))
    return any(map(_holds_nul, value)) if isinstance(value, list) else isinstance(value, str) and "\0" in value


def _sentence(error: str, tables: dict[str, Any], path: Path) -> str:
    message, _, place = error.partition(" - at `$")
    place = place.rstrip("`").lstrip(".")
    where = _shown(place, tables)
    keys = re.findall(r"[^.\[\]]+", re.sub(r"\[(\d+|\.\.\.)\]", "", place))
    if unknown := _UNKNOWN.fullmatch(message):
        return f"{path}: {where}unknown key {unknown[1]!r}; {_allowed_keys(unknown[1], keys[-1] if keys else '')}"
    if missing := _MISSING.fullmatch(message):
        return f"{path}: {where}{missing[1]} is missing"
    allowed = ALLOWED.get(keys[-1] if keys else "", "text")
    said = message if " is not " in message else f"it must be {allowed}"
    return f"{path}: {where}{said}"


def _shown(place: str, tables: dict[str, Any]) -> str:
    """The way to a key, tables by their names or else counted from 1: "models 2, budgets 'mobile', params: "."""
    steps, table = [], tables
    for key, index in re.findall(r"([^.\[\]]+)(?:\[(\d+)\])?", place):
        inner: Any = table.get(key) if isinstance(table, dict) else None
        table = inner[int(index)] if index and isinstance(inner, list) else inner
        name = table.get("name") if isinstance(table, dict) else None
        steps.append(f"{key} {repr(name) if name else int(index) + 1}" if index else key)
    return f"{', '.join(steps)}: " if steps else ""


def _allowed_keys(unknown: str, table: str) -> str:
    fields = msgspec.structs.fields(STRUCTS[table]) if table in STRUCTS else ()
    names = [field.encode_name for field in fields]
    near = get_close_matches(unknown.replace("_", "-"), names, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    return f"{hint}allowed: {', '.join(names)}"


def _complaints(found: config.Config) -> Iterable[str]:
    yield from (f"devices: {text}" for name in found.devices if (text := _device_complaint(found, name)))
    yield from (text for operator, place in found.formulas.items() if (text := _formula_complaint(operator, place)))
    names = Counter(model.name or model.target for model in found.models)
    yield from (f"two models are called {name!r}; give each its own name" for name, times in names.items() if times > 1)
    for model in found.models:
        titles = Counter(budget.title for budget in model.budgets)
        where = f"models {model.name or model.target!r}"
        yield from (f"{where}: two budgets are called {name!r}" for name, times in titles.items() if times > 1)
        for budget in model.budgets:
            yield from (f"{where}, budgets {budget.title!r}: {text}" for text in budget_complaints(budget))


def _formula_complaint(operator: str, place: str) -> str:
    if not re.fullmatch(r"\w+(::|\.)\w+", operator):
        return f"formulas: {operator!r} is not the name of an operator; write it as torch does, such as mylib::op"
    if not re.fullmatch(r"[\w.]+:\w+", place):
        return f"formulas: {operator}: {place!r} does not name a function; write it as module:function"
    return ""


def _device_complaint(found: config.Config, name: str) -> str:
    try:
        found.device(name)
    except Problem as problem:
        return str(problem)
    return ""


def budget_complaints(budget: config.Budget) -> Iterable[str]:
    """What contradicts itself in one budget."""
    limits, increases = budget.limits, [increase.shares for increase in budget.increases]
    if not limits and not any(increases) and not budget.max_degree:
        yield f"it limits nothing; give {', '.join(config.ABSOLUTE)}, max-increase or max-degree"
    if not all(increases):
        yield 'max-increase says no share; write one such as { params = "2%", min = "20k" }'
    metrics = [*limits, *(metric for shares in increases for metric in shares)]
    partial = budget.match != "*" or budget.ignore
    if partial and (whole := [metric for metric in metrics if metric in config.WHOLE_MODEL]):
        yield f"{whole[0]} is known of the whole model only; leave out match and ignore, or limit params"
    if partial and "size" in metrics and budget.dtype is None:
        yield f"size of a part needs a dtype: one of {', '.join(amounts.BITS)}"
    if budget.dtype and "size" not in metrics:
        yield "dtype is there for size, which is not limited"
    if isinstance(budget.max_degree, dict) and any(power < 0 for power in budget.max_degree.values()):
        yield "max-degree: a power is not negative; 0 is for what does not grow, 1 for linear"
    if budget.override is not None:
        yield from _override_complaints(budget, budget.override)
    yield from _size_complaints(budget)


def _size_complaints(budget: config.Budget) -> Iterable[str]:
    try:
        budget.sizes()
    except Problem as problem:
        yield str(problem)


def _override_complaints(budget: config.Budget, override: config.Override) -> Iterable[str]:
    if not override.reason.strip():
        yield "override: the reason is empty"
    if override.limit is None and not override.limits:
        yield "override: it needs a limit"
    if override.limit is not None and (override.limits or len(budget.limits) != 1):
        yield f"override: limit is for a budget with one absolute limit; name the metric: {', '.join(config.ABSOLUTE)}"
