import json
from typing import Any

import pytest

from analyzer.formats import json as json_format
from analyzer.formats import schema
from analyzer.values.results import SCHEMA_VERSION

SCHEMA = json.loads(schema.render())


def faults(value: Any, rule: dict[str, Any], where: str = "$") -> list[str]:
    """What in the value contradicts the rule, for the part of JSON Schema that dataclasses need."""
    if "$ref" in rule:
        return faults(value, SCHEMA["$defs"][rule["$ref"].rpartition("/")[2]], where)
    if "anyOf" in rule:
        found = [faults(value, choice, where) for choice in rule["anyOf"]]
        return [] if [] in found else found[0]
    if "enum" in rule:
        return [] if value in rule["enum"] else [f"{where}: {value!r}"]
    wrong = not isinstance(value, TYPES[rule["type"]]) or (rule["type"] == "integer" and isinstance(value, bool))
    if wrong:
        return [f"{where}: {value!r} is not {rule['type']}"]
    if rule["type"] == "array":
        return [fault for index, item in enumerate(value) for fault in faults(item, rule["items"], f"{where}[{index}]")]
    if rule["type"] == "object":
        if isinstance(rule.get("additionalProperties"), dict):
            return [fault for key, item in value.items() for fault in faults(item, rule["additionalProperties"], key)]
        missing = [f"{where}: no {key}" for key in rule["required"] if key not in value]
        stray = [f"{where}: stray {key}" for key in value if key not in rule["properties"]]
        inner = [
            fault
            for key in value
            if key in rule["properties"]
            for fault in faults(value[key], rule["properties"][key], key)
        ]
        return missing + stray + inner
    return []


TYPES = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool, "null": type(None)}


@pytest.mark.parametrize("kind", ["analysis", "incomplete", "checkpoint"])
def test_what_is_written_fits_the_schema(kind, request):
    assert faults(json.loads(json_format.render([request.getfixturevalue(kind)])), SCHEMA) == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("complete", "yes"),
        ("schema_version", 2),
        ("layers", {}),
        ("inputs", [{"name": "x"}]),
        ("total", None),
        ("model", 1),
    ],
)
def test_the_schema_refuses_what_is_not_an_analysis(key, value, analysis):
    document = json.loads(json_format.render([analysis])) | {key: value}
    assert faults(document, SCHEMA) != []


def test_the_schema_knows_its_dialect_and_the_version_of_the_data():
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert SCHEMA["$defs"]["Analysis"]["properties"]["schema_version"]["enum"] == [SCHEMA_VERSION]


def test_the_schema_is_the_same_every_time():
    assert schema.render() == schema.render()
