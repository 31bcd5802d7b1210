import json
from dataclasses import replace

import pytest

from analyzer.formats.ci import gitlab


def test_each_finding_is_an_issue_at_its_line(gated):
    first = json.loads(gitlab.render([gated]))[0]
    assert {**first, "fingerprint": len(first["fingerprint"])} == {
        "description": "BUDGET-PARAMS params-budget: net: Parameter budget exceeded: 10.71 k of 10.00 k "
        "(+714; this change +5,120). Cheapest fix: "
        "SEP101 depthwise-separable at stem.conv (net.py:8), needs retraining; "
        "saves 357 parameters. Ask the owners. "
        "Grew most: head (input features 512 to 1024).",
        "check_name": "BUDGET-PARAMS",
        "fingerprint": 32,
        "severity": "critical",
        "location": {"path": "net.py", "lines": {"begin": 10}},
    }


@pytest.mark.parametrize(("level", "severity"), [("error", "critical"), ("warning", "minor"), ("note", "info")])
def test_levels_are_severities_that_gitlab_knows(level, severity, advised, separable):
    issues = json.loads(gitlab.render([replace(advised, advice=(replace(separable, level=level),))]))
    assert [issue["severity"] for issue in issues] == [severity]


def test_fingerprints_are_unique_over_all_models(gated, advised):
    issues = json.loads(gitlab.render([gated, advised]))
    assert len({issue["fingerprint"] for issue in issues}) == len(issues) == 2 + 3


def test_what_has_no_file_is_left_out(gated):
    homeless = replace(gated, difference=None, model=replace(gated.model, file=None, line=None))
    assert gitlab.render([homeless]) == "[]\n"


def test_names_keep_their_letters(advised, separable):
    text = gitlab.render([replace(advised, advice=(replace(separable, path="层.卷积", file="模型/net é.py"),))])
    assert json.loads(text)[0]["location"]["path"] == "模型/net é.py"
    assert "层.卷积" in text
