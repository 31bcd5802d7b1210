import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from jsonschema import Draft4Validator

from analyzer.formats.ci import sarif
from analyzer.rules import RULES, slug
from analyzer.values.counts import Model

SCHEMA = Path(__file__).parents[2] / "data" / "sarif-schema-2.1.0.json"


@cache
def validator() -> Draft4Validator:
    return Draft4Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))


def run_of(text: str) -> dict:
    """The only run of a log that the official schema accepts."""
    log = json.loads(text)
    assert [error.message for error in validator().iter_errors(log)] == []
    assert log["version"] == "2.1.0"
    assert len(log["runs"]) == 1
    return log["runs"][0]


def test_the_schema_refuses_what_is_not_sarif():
    assert list(validator().iter_errors({"version": "2.1.0", "runs": [{"results": []}]}))


@pytest.mark.parametrize("kind", ["analysis", "incomplete", "checkpoint", "advised", "gated", "unchanged"])
def test_every_analysis_is_valid(kind, request):
    run_of(sarif.render([request.getfixturevalue(kind)]))


def test_a_result_points_at_one_line_and_names_its_layer(advised):
    result = run_of(sarif.render([advised]))["results"][0]
    print_ = result.pop("partialFingerprints")["analyzeFinding/v1"]
    assert len(print_) == 32
    rule = next(index for index, rule in enumerate(RULES) if rule.CODE == "SEP101")
    assert result == {
        "ruleId": "SEP101",
        "ruleIndex": rule,
        "level": "note",
        "message": {
            "text": "stem.conv: nn.Conv2d(3, 16, 3, padding=1, bias=False) could be nn.Sequential(nn.Conv2d(3, 3, 3, "
            "padding=1, groups=3, bias=False), nn.Conv2d(3, 16, 1, bias=False)): 357 fewer parameters (3.3 %), "
            "22,848 fewer MACs (60.3 %); needs retraining; memory-bound on laptop."
        },
        "locations": [
            {
                "physicalLocation": {"artifactLocation": {"uri": "net.py"}, "region": {"startLine": 8}},
                "logicalLocations": [{"fullyQualifiedName": "stem.conv", "kind": "member"}],
            }
        ],
    }


def test_a_failed_budget_is_an_error_with_a_rule_of_its_own(gated):
    run = run_of(sarif.render([gated]))
    first = run["results"][0]
    assert (first["ruleId"], first["level"]) == ("BUDGET-PARAMS", "error")
    rule = run["tool"]["driver"]["rules"][first["ruleIndex"]]
    assert (rule["id"], rule["name"]) == ("BUDGET-PARAMS", "params-budget")
    assert rule["properties"]["tags"] == ["pytorch", "budget"]


def test_all_rules_are_described_as_users_read_them(analysis):
    rules = run_of(sarif.render([analysis]))["tool"]["driver"]["rules"]
    assert [(rule["id"], rule["name"]) for rule in rules] == [(rule.CODE, slug(rule)) for rule in RULES]
    separable = next(rule for rule in rules if rule["id"] == "SEP101")
    assert separable["shortDescription"]["text"].startswith("Split a dense convolution into one that filters")
    assert separable["fullDescription"]["text"].startswith("A dense convolution of any dimension")
    assert "## When it stays silent" in separable["help"]["markdown"]
    assert separable["defaultConfiguration"] == {"level": "note"}


def test_what_github_limits_is_within_its_limits(analysis):
    for rule in run_of(sarif.render([analysis]))["tool"]["driver"]["rules"]:
        assert 0 < len(rule["shortDescription"]["text"]) <= 1024
        assert 0 < len(rule["fullDescription"]["text"]) <= 1024
        assert len(rule["name"]) <= 255
        assert len(rule["properties"]["tags"]) <= 10


def test_a_rule_of_another_version_is_named_all_the_same(advised, separable):
    run = run_of(sarif.render([replace(advised, advice=(replace(separable, rule="NEW999", name="brand-new"),))]))
    rule = run["tool"]["driver"]["rules"][run["results"][0]["ruleIndex"]]
    assert (rule["id"], rule["name"]) == ("NEW999", "brand-new")


def test_addresses_are_relative_and_encoded(advised, separable):
    odd = replace(advised, advice=(replace(separable, file="my models/é#1.py"),))
    uri = run_of(sarif.render([odd], folder="sub"))["results"][0]["locations"][0]["physicalLocation"][
        "artifactLocation"
    ]
    assert uri == {"uri": "sub/my%20models/%C3%A9%231.py"}


def test_a_result_without_a_file_has_no_location(gated):
    homeless = replace(gated, difference=None, model=Model("net", "net:Net", "Net"))
    assert "locations" not in run_of(sarif.render([homeless]))["results"][0]


def test_every_region_has_a_line(advised, separable):
    lineless = replace(advised, advice=(replace(separable, line=None),))
    for result in run_of(sarif.render([lineless]))["results"]:
        assert result["locations"][0]["physicalLocation"]["region"]["startLine"] >= 1


def test_several_models_are_one_run_with_distinct_fingerprints(advised, gated):
    results = run_of(sarif.render([advised, gated, advised]))["results"]
    prints = {result["partialFingerprints"]["analyzeFinding/v1"] for result in results}
    assert len(prints) == len(results) == 3 + 2 + 3


@pytest.mark.parametrize(("number", "kept"), [(25_000, 25_000), (25_001, 25_000)])
def test_a_run_has_at_most_25000_results_and_keeps_the_worst(number, kept, gated, separable):
    advice = tuple(replace(separable, path=f"l{index}") for index in range(number - 2))
    results = json.loads(sarif.render([replace(gated, advice=advice, difference=None)]))["runs"][0]["results"]
    assert len(results) == kept
    assert results[0]["level"] == "error"
