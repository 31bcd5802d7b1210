"""The examples in docs/counting-conventions.md, which users read, are what the formulas say."""

import ast
import re
from pathlib import Path

import pytest

from analyzer.values.graph import Tensor

PAGE = Path(__file__).parents[2] / "docs" / "counting-conventions.md"
ROW = re.compile(r"`(?P<packet>[\w.]+)\((?P<arguments>.*)\) -> (?P<out>\[.*?\])` \|(?P<numbers>[ \d|]+)$", re.MULTILINE)
EXAMPLES = [match.groupdict() for match in ROW.finditer(PAGE.read_text(encoding="utf-8"))]


def argument(node):
    value = ast.literal_eval(node)
    return Tensor(tuple(value)) if isinstance(value, list) else value


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["packet"])
def test_the_page_says_what_the_code_does(price, example):
    call = ast.parse(f"f({example['arguments']})", mode="eval").body
    cost = price(
        example["packet"],
        {keyword.arg: argument(keyword.value) for keyword in call.keywords},
        argument(ast.parse(example["out"], mode="eval").body),
    )
    numbers = [int(number) for number in re.findall(r"\d+", example["numbers"])]
    assert numbers == ([cost.macs, cost.other_flops] if len(numbers) == 2 else [cost.other_flops])


def test_every_row_with_numbers_is_read():
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("|") and "`" in line]
    assert len(EXAMPLES) == len(rows)
