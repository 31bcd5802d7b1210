"""Files of configuration as tables: the same from analyze.toml, pyproject.toml and setup.cfg."""

from pathlib import Path

import pytest

from analyzer.config.files import from_setup_cfg, from_toml
from analyzer.values.errors import Problem

CFG = """\
[metadata]
name = x

[analyze]
select = SEP101, GRP101
broken-base = absolute

[analyze:mobile]
target = net.py
input = 1x3x8x8 1x4
set = depth=2, width=0.5
params = 5M

[analyze:mobile:backbone]
match = backbone.*
max-increase = params=2%, min=20k
override =
    params = 6M
    reason = one, two

[analyze:devices:board]
bandwidth = 1e9

[analyze:formulas]
mylib.op = costs:op
"""


def test_sections_of_setup_cfg() -> None:
    found = from_setup_cfg(CFG, Path("setup.cfg"))
    assert found is not None
    (model,) = found.pop("models")
    assert found == {
        "select": ["SEP101", "GRP101"],
        "broken-base": "absolute",
        "devices": {"board": {"bandwidth": 1e9}},
        "formulas": {"mylib.op": "costs:op"},
    }
    budgets = model.pop("budgets")
    assert model == {
        "name": "mobile",
        "target": "net.py",
        "input": ["1x3x8x8", "1x4"],
        "set": {"depth": "2", "width": "0.5"},
    }
    assert budgets[0] == {"params": "5M", "name": ""}
    assert budgets[1]["max-increase"] == [{"params": "2%", "min": "20k"}]
    assert budgets[1]["override"] == {"params": "6M", "reason": "one, two"}


def test_a_file_without_a_section_has_no_tables() -> None:
    assert from_setup_cfg("[metadata]\nname = x\n", Path("setup.cfg")) is None
    assert from_toml("[tool.other]\nx = 1\n", Path("pyproject.toml")) is None


def test_toml_is_read_whole_or_below_its_tool() -> None:
    assert from_toml("select = ['SEP101']", Path("analyze.toml")) == {"select": ["SEP101"]}
    assert from_toml("[tool.analyze]\nselect = ['SEP101']", Path("pyproject.toml")) == {"select": ["SEP101"]}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[analyze:a:b:c]\nparams = 1\n", "is not a section"),
        ("[analyze:a:b]\nparams = 1\n", r"put \[analyze:a\] before it"),
        ("[analyze\nparams = 1\n", "cannot be read"),
    ],
)
def test_what_cannot_be_read_names_the_file(text: str, said: str) -> None:
    with pytest.raises(Problem, match=f"setup.cfg.*{said}"):
        from_setup_cfg(text, Path("setup.cfg"))


def test_toml_that_is_not_valid_is_one_sentence() -> None:
    with pytest.raises(Problem, match=r"analyze\.toml is not valid TOML: "):
        from_toml("= 1", Path("analyze.toml"))
