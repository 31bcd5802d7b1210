from dataclasses import replace
from xml.etree import ElementTree

import pytest

from analyzer.formats.ci import junit
from analyzer.values.gate_results import OverrideTerms


def test_the_whole_file_of_a_failed_budget(gated):
    assert junit.render([gated]) == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<testsuites name="analyze" tests="3" failures="1" errors="0" skipped="0">\n'
        '  <testsuite name="net" tests="3" failures="1" errors="0" skipped="0">\n'
        '    <testcase classname="net" name="mobile: MAC budget" file="net.py" line="5">\n'
        "      <system-out>MAC budget kept: 37.89 k of 40.00 k (2.11 k to spare)</system-out>\n"
        "    </testcase>\n"
        '    <testcase classname="net" name="mobile: Parameter budget" file="net.py" line="5">\n'
        '      <failure message="Parameter budget exceeded: 10.71 k of 10.00 k (+714; this change +5,120)">'
        "Parameter budget exceeded: 10.71 k of 10.00 k (+714; this change +5,120)\n"
        "Cheapest fix: SEP101 depthwise-separable at stem.conv (net.py:8), needs retraining; "
        "saves 357 parameters\n"
        "ask the owners</failure>\n"
        "    </testcase>\n"
        '    <testcase classname="net" name="stem: Parameter budget of stem.*" file="net.py" line="5">\n'
        "      <system-out>Parameter budget of stem.* was exceeded before this change: 464 of 400 "
        "(+64; this change nothing)</system-out>\n"
        "    </testcase>\n"
        "  </testsuite>\n"
        "</testsuites>\n"
    )


@pytest.mark.parametrize(
    ("changes", "tag", "counter"),
    [
        ({"status": "fail"}, "failure", "failures"),
        ({"status": "fail", "level": "warn"}, "system-out", None),
        ({"status": "unknown", "value": None}, "error", "errors"),
        ({"status": "off"}, "skipped", "skipped"),
        ({"status": "drift"}, "system-out", None),
        ({"status": "pass"}, "system-out", None),
    ],
)
def test_each_outcome_has_its_element_and_counter(changes, tag, counter, gated, exceeded):
    root = ElementTree.fromstring(junit.render([replace(gated, budget=(replace(exceeded, **changes),))]).encode())
    assert [child.tag for child in root.iter("testcase")] == ["testcase"]
    assert root.find(f".//testcase/{tag}") is not None
    counted = [name for name in ("failures", "errors", "skipped") if root.get(name) == "1"]
    assert counted == ([counter] if counter else [])


def test_a_model_without_a_budget_is_an_empty_suite(analysis):
    root = ElementTree.fromstring(junit.render([analysis]).encode())
    assert [(suite.get("name"), suite.get("tests"), len(suite)) for suite in root] == [("net", "0", 0)]


def test_every_model_is_a_suite_and_the_root_counts_all(gated, unchanged):
    root = ElementTree.fromstring(junit.render([gated, unchanged]).encode())
    assert (root.get("tests"), root.get("failures")) == ("4", "1")
    assert [suite.get("tests") for suite in root] == ["3", "1"]


@pytest.mark.parametrize("name", ['<&">', "层.卷积 🚀", "a\x00b\x1bc", "tab\tnew\nline", "\ud800"])
def test_any_name_gives_xml_that_parses(name, gated, exceeded):
    line = replace(exceeded, name=name, message=name, override=OverrideTerms({}, name, "2030-01-02"))
    root = ElementTree.fromstring(junit.render([replace(gated, budget=(line,))]).encode())
    text = root.find(".//failure").text
    assert "Cheapest fix" in text
    assert ("\ufffd" in text) == (name in ("a\x00b\x1bc", "\ud800"))
