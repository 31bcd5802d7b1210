from inspect import signature

import pytest

from analyzer.formats import FORMATS, OPTIONS, files, format_for
from analyzer.values.errors import Problem


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("report.md", ("markdown", "report.md")),
        ("out/REPORT.MD", ("markdown", "out/REPORT.MD")),
        ("report.json", ("json", "report.json")),
        ("report.txt", ("text", "report.txt")),
        ("depth.svg", ("figure", "depth.svg")),
        ("scan.sarif", ("sarif", "scan.sarif")),
        ("budget.xml", ("junit", "budget.xml")),
        ("comment:out/comment.md", ("comment", "out/comment.md")),
        ("github:-", ("github", "-")),
        ("-", ("markdown", "-")),
        ("json:-", ("json", "-")),
        ("json:report.md", ("json", "report.md")),
        ("markdown:C:/report", ("markdown", "C:/report")),
        ("C:/report.md", ("markdown", "C:/report.md")),
    ],
)
def test_the_format_is_named_or_told_by_the_suffix(spec, expected):
    assert format_for(spec) == expected


@pytest.mark.parametrize("spec", ["report", "report.htm", "", "json:", "xml:report", "json", "github", "comment"])
def test_an_unknown_format_names_the_known_ones(spec):
    with pytest.raises(
        Problem, match=r"figure \(\.svg\), sarif \(\.sarif\), junit \(\.xml\), .* gitlab.*, as in json:"
    ):
        format_for(spec)


def test_a_markdown_report_comes_with_the_figure_it_links(analysis):
    written = files([analysis], "markdown", "reports/net.md")
    assert list(written) == ["reports/net.md", "reports/net.svg"]
    assert "](<net.svg>)" in written["reports/net.md"]


def test_on_stdout_there_is_no_figure_to_link(analysis):
    assert ".svg" not in files([analysis], "markdown", "-")["-"]


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_renders_one_and_several_the_same_each_time(name, analysis, incomplete, checkpoint):
    for given in (analysis, incomplete, checkpoint):
        text = FORMATS[name]([given])
        assert text == FORMATS[name]([given])
        assert text.endswith("\n") or (name == "github" and text == "")


@pytest.mark.parametrize("name", sorted({*FORMATS} - {"figure", "github", "gitlab", "sarif"}))
def test_several_models_are_one_text_that_names_each(name, analysis, incomplete, checkpoint):
    several = files([analysis, incomplete, checkpoint], name, "out")["out"]
    assert several.endswith("\n")
    assert "net" in several
    assert "weights" in several


def test_a_figure_of_several_models_is_refused(analysis, checkpoint):
    with pytest.raises(Problem, match="shows one model and there are 2"):
        files([analysis, checkpoint], "figure", "out.svg")


def test_each_format_gets_the_options_that_it_takes(advised, unchanged):
    given = {"folder": "models", "key": "nightly", "silent": True, "rest": "."}
    assert "file=models/net.py" in files([advised], "github", "-", **given)["-"]
    assert "models/net.py" in files([advised, advised], "sarif", "out", **given)["out"]
    assert "models/net.py" in files([advised], "gitlab", "out", **given)["out"]
    assert "key=nightly" in files([advised], "comment", "out", **given)["out"]
    assert files([unchanged], "comment", "out", **given) == {"out": ""}
    assert "models/net.py" not in files([advised], "markdown", "-", **given)["-"]


@pytest.mark.parametrize("name", OPTIONS)
def test_the_options_are_those_of_the_function(name):
    assert tuple(signature(FORMATS[name]).parameters)[1:] == OPTIONS[name]
