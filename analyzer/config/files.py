"""The files that hold configuration, read as the tables that TOML would give."""

from __future__ import annotations

import configparser
import tomllib
from pathlib import Path
from typing import Any, Final

from analyzer.values.errors import Problem

SECTION: Final = "analyze"
DEVICES: Final = "devices"
FORMULAS_SECTION: Final = "formulas"
"""Its keys are operators with a dot, mylib.op, as a colon ends a key here."""
MODEL_KEYS: Final = ("target", "name", "formerly", "input", "checkpoint", "set")
LISTS: Final = ("select", "ignore")
GENERAL_KEYS: Final = (*LISTS, "broken-base")


def from_toml(text: str, path: Path) -> dict[str, Any] | None:
    """All of an analyze.toml, or [tool.analyze] of a pyproject.toml; None when it is not there.

    Raises Problem when the text is not valid TOML.
    """
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Problem(f"{path} is not valid TOML: {str(error)[:1].lower()}{str(error)[1:]}") from None
    if path.name != "pyproject.toml":
        return found
    tables = found.get("tool", {}).get(SECTION)
    return tables if isinstance(tables, dict) else None


def from_setup_cfg(text: str, path: Path) -> dict[str, Any] | None:
    """Sections [analyze], its models and budgets, [analyze:devices:NAME] and [analyze:formulas]; None without any.

    Raises Problem when the text cannot be parsed, and for a section that is none of these.
    """
    parser = configparser.ConfigParser(interpolation=None, default_section="\0")
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    try:
        parser.read_string(text)
    except configparser.Error as error:
        raise Problem(f"{path} cannot be read: {' '.join(str(error).split())}") from None
    names = [name for name in parser.sections() if name.partition(":")[0] == SECTION]
    if not names:
        return None
    tables: dict[str, Any] = {}
    for name in names:
        _add_section(tables, name, dict(parser[name]), path)
    return tables


def _add_section(tables: dict[str, Any], name: str, keys: dict[str, str], path: Path) -> None:
    parts = name.split(":")[1:]
    if parts[:1] == [DEVICES] and len(parts) == 2:
        tables.setdefault(DEVICES, {})[parts[1]] = {key: _number(value) for key, value in keys.items()}
    elif parts == [FORMULAS_SECTION]:
        tables[FORMULAS_SECTION] = keys
    elif len(parts) == 2:
        _model_named(tables, parts[0], name, path)["budgets"].append(_budget(keys, parts[1]))
    elif len(parts) < 2:
        general = {key: keys.pop(key) for key in GENERAL_KEYS if key in keys and not parts}
        tables.update({key: _words(value) if key in LISTS else value for key, value in general.items()})
        if keys:
            tables.setdefault("models", []).append(_model(keys, "".join(parts)))
    else:
        raise Problem(f"{path}: [{name}] is not a section; write [analyze], [analyze:MODEL] or [analyze:MODEL:BUDGET]")


def _model(keys: dict[str, str], name: str) -> dict[str, Any]:
    """A model, with a budget of its own when the section has any key of one."""
    own: dict[str, Any] = {key: keys.pop(key) for key in MODEL_KEYS if key in keys}
    if "input" in own:
        own["input"] = _words(own["input"])
    if "set" in own:
        own["set"] = _pairs(own["set"])
    budgets = [_budget(keys, "")] if keys else []
    return {"name": name, **own, "budgets": budgets}


def _model_named(tables: dict[str, Any], model: str, section: str, path: Path) -> dict[str, Any]:
    known = {table["name"]: table for table in tables.get("models", [])}
    if model not in known:
        raise Problem(f"{path}: [{section}] limits a model that is not there; put [analyze:{model}] before it")
    found: dict[str, Any] = known[model]
    return found


def _budget(keys: dict[str, str], name: str) -> dict[str, Any]:
    """Plain text but for lists and tables: "max-increase = params=2%, min=20k", a line each for several."""
    budget: dict[str, Any] = {**keys, "name": name}
    if "ignore" in keys:
        budget["ignore"] = _words(keys["ignore"])
    if "max-increase" in keys:
        budget["max-increase"] = [_pairs(line) for line in keys["max-increase"].splitlines() if line.strip()]
    if "override" in keys:
        budget["override"] = _pairs(keys["override"], separators="\n")
    return budget


def _words(text: str) -> list[str]:
    return [word for word in text.replace(",", " ").split() if word]


def _pairs(text: str, separators: str = ",\n") -> dict[str, Any]:
    """ "a=1, b=2%" as a table; a part without "=" becomes a key without a value, which the checks refuse."""
    for separator in separators:
        text = text.replace(separator, "\n")
    pairs = (line.partition("=") for line in text.splitlines() if line.strip())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
