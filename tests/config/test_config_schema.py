"""The schema takes what the configuration takes, and refuses what it refuses."""

import json
import tomllib

import pytest
from jsonschema import Draft202012Validator

from analyzer.config import config_schema

GOOD = """
select = ["GRP"]
broken-base = "absolute"
[[models]]
target = "model.py"
formerly = "old.py"
input = "1x3x8x8"
set = { width = 2, deep = true }
[[models.budgets]]
name = "mobile"
params = "5.0M"
size = 1000
level = "warn"
max-increase = { params = "2%", min = "20k" }
override = { params = "6M", reason = "new head" }
[devices.board]
peak_gflops = 10
bandwidth_gbs = 2
"""


def errors(text: str) -> list[str]:
    schema = json.loads(config_schema.render())
    Draft202012Validator.check_schema(schema)
    return [error.message for error in Draft202012Validator(schema).iter_errors(tomllib.loads(text))]


def test_what_is_right_is_taken() -> None:
    assert errors(GOOD) == []
    assert errors("") == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("target =", "targte ="),
        ('level = "warn"', 'level = "loud"'),
        ('"absolute"', '"ignore"'),
        ('params = "5.0M"', "params = 1.5"),
        ('select = ["GRP"]', "select = 3"),
        (', reason = "new head"', ""),
    ],
)
def test_what_is_wrong_is_refused(old: str, new: str) -> None:
    assert old in GOOD
    assert errors(GOOD.replace(old, new, 1))


def test_the_command_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    from analyzer.cli import command

    command(["--config-schema"], standalone_mode=False)
    assert json.loads(capsys.readouterr().out)["title"] == "analyze.toml"
