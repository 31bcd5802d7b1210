"""Where reports go and in which form: files, stdout, several at once, all of them or none."""

import json
from xml.etree import ElementTree

import pytest

from analyzer.values.results import Analysis

PARAMS = (8 * 3 * 3 * 3 + 8) + (10 * 8 + 10)
MACS = 8 * 3 * 3 * 3 * 222 * 222 + 10 * 8
"""Of `Net` at the 224×224 image that is assumed: a 3×3 convolution to 222×222, then a linear layer."""


def test_without_output_a_markdown_report_with_its_figure(here):
    here.net()
    done = here.analyze("model.py")
    assert (done.status, done.err) == (0, "")
    assert set(here.contents()) == {
        "model.py",
        "reports",
        "reports/model.md",
        "reports/model.svg",
        "reports/model-memory.svg",
    }
    report = here.contents()["reports/model.md"].decode()
    assert "model.svg" in report
    assert f"{MACS:,}" in report
    assert f"{PARAMS:,}" in done.out
    assert f"{MACS:,}" in done.out
    assert "reports/model.md" in done.out


def test_quiet_says_nothing_and_writes_the_report(here):
    here.net()
    done = here.analyze("model.py", "--quiet")
    assert (done.status, done.out, done.err) == (0, "", "")
    assert "reports/model.md" in here.contents()


@pytest.mark.parametrize("output", ["report.json", "json:report.data", "new/folder/report.json", "a b é.json"])
def test_json_in_a_file(here, output):
    here.net()
    assert here.analyze("model.py", "--output", output).status == 0
    analysis = Analysis.from_json(here.contents()[output.removeprefix("json:")].decode())
    assert (analysis.total.params, analysis.total.macs, analysis.complete) == (PARAMS, MACS, True)
    assert "reports" not in here.contents()


@pytest.mark.parametrize("output", ["report.txt", "text:report"])
def test_text_in_a_file(here, output):
    here.net()
    assert here.analyze("model.py", "--output", output).status == 0
    text = here.contents()[output.removeprefix("text:")].decode()
    assert f"{MACS:,}" in text
    assert "\x1b" not in text


@pytest.mark.parametrize("output", ["report.svg", "figure:report"])
def test_a_figure_in_a_file(here, output):
    here.net()
    assert here.analyze("model.py", "--output", output).status == 0
    figure = ElementTree.fromstring(here.contents()[output.removeprefix("figure:")])
    assert figure.tag == "{http://www.w3.org/2000/svg}svg"


@pytest.mark.parametrize("output", ["report.md", "markdown:report.md", "docs/report.md"])
def test_markdown_in_a_file_brings_its_figure(here, output):
    here.net()
    assert here.analyze("model.py", "--output", output).status == 0
    path = output.removeprefix("markdown:")
    assert f"{MACS:,}".encode() in here.contents()[path]
    assert path.replace(".md", ".svg") in here.contents()


@pytest.mark.parametrize(("output", "start"), [("-", "# "), ("markdown:-", "# "), ("json:-", "{"), ("text:-", "model")])
def test_stdout_holds_the_report_alone(here, output, start):
    here.net()
    before = here.contents()
    done = here.analyze("model.py", "--output", output)
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith(start)
    assert here.contents() == before


def test_a_figure_on_stdout(here):
    here.net()
    assert ElementTree.fromstring(here.analyze("model.py", "--output", "figure:-").out).tag.endswith("svg")


def test_several_outputs_of_one_run(here):
    here.net()
    done = here.analyze("model.py", "--output", "a.md", "--output", "b.json", "--output", "json:-")
    assert set(here.contents()) == {"model.py", "a.md", "a.svg", "a-memory.svg", "b.json"}
    assert done.out == here.contents()["b.json"].decode()


def test_two_runs_write_the_same_bytes(here):
    here.net()
    outputs = ["--output", "a.md", "--output", "a.json", "--output", "a.txt"]
    here.analyze("model.py", *outputs)
    first = here.contents()
    here.analyze("model.py", *outputs)
    assert here.contents() == first


def test_a_report_holds_no_absolute_path(here, tmp_path):
    here.net()
    here.analyze(str(tmp_path / "model.py"), "--output", "a.json")
    layers = json.loads(here.contents()["a.json"])["layers"]
    assert [(layer["file"], layer["line"]) for layer in layers if layer["path"]] == [("model.py", 8), ("model.py", 9)]


def test_several_targets_are_compared(here):
    here.net()
    here.write("wide.py", "from model import Net\nmodel = Net(16)\n")
    done = here.analyze("model.py", "wide.py", "--input", "1x3x9x9")
    assert (done.status, done.err) == (0, "")
    wide = (16 * 3 * 3 * 3 + 16) + (10 * 16 + 10)
    comparison = here.contents()["reports/comparison.md"].decode()
    assert f"{PARAMS:,}" in comparison
    assert f"{wide:,}" in comparison
    assert {"reports/model.md", "reports/wide.md"} <= set(here.contents())
    assert f"{wide:,}" in done.out


def test_several_targets_in_json(here):
    here.net()
    here.write("wide.py", "from model import Net\nmodel = Net(16)\n")
    done = here.analyze("model.py", "wide.py", "--input", "1x3x9x9", "--output", "json:-")
    rows = [analysis["total"]["macs"] for analysis in json.loads(done.out)]
    assert rows == [width * 3 * 3 * 3 * 7 * 7 + 10 * width for width in (8, 16)]


def test_targets_of_one_name_do_not_overwrite_each_other(here):
    here.net()
    here.write("other/model.py", "from torch import nn\nmodel = nn.Linear(3, 5)\n")
    assert here.analyze("model.py", "other/model.py").status == 0
    reports = [text.decode() for name, text in here.contents().items() if name.endswith(".md")]
    assert sum(f"**{PARAMS:,} parameters**" in text for text in reports) == 1
    assert sum(f"**{5 * 3 + 5} parameters**" in text for text in reports) == 1


@pytest.mark.parametrize("output", ["report.pdf", "pdf:report.pdf", "pdf:report", "report", "reports/"])
def test_an_unknown_format(here, output):
    here.net()
    told = here.refused("model.py", "--output", output)
    assert told.startswith(f"--output {output}: no known format; ")
    assert all(f"{name} ({suffix})" in told for name, suffix in (("markdown", ".md"), ("json", ".json")))


@pytest.mark.parametrize("output", ["", "json:", ":"])
def test_an_output_without_path_or_format(here, output):
    here.net()
    assert here.refused("model.py", "--output", output).startswith(f"--output {output}: ")


@pytest.mark.parametrize(
    ("output", "told"),
    [
        ("folder.md", "folder.md: it is a directory"),
        ("json:folder.md", "folder.md: it is a directory"),
        ("json:.", ".: it is a directory"),
        ("json:new/", "new/: it is a directory"),
        ("model.py/report.md", "model.py/report.md: model.py is a file"),
        ("model.py/deeper/report.json", "model.py/deeper/report.json: not a directory"),
        (f"{'a' * 300}.json", f"{'a' * 300}.json: file name too long"),
        ("/dev/null/report.json", "/dev/null/report.json: /dev/null is a file"),
        ("/proc/report.json", "/proc/report.json: no such file or directory"),
    ],
)
def test_what_cannot_be_written(here, output, told):
    here.net()
    here.write("folder.md/kept", "kept")
    assert here.refused("model.py", "--output", output) == f"cannot write {told}; choose another place with --output"


def test_a_file_where_the_reports_go(here):
    here.net()
    here.write("reports", "kept")
    assert here.refused("model.py").startswith("cannot write reports/model.md: reports is a file; ")


@pytest.mark.parametrize("good", ["report.json", "report.md", "json:-"])
def test_all_outputs_are_written_or_none(here, good):
    here.net()
    here.write("report.json", "kept")
    assert here.refused("model.py", "--output", good, "--output", "model.py/a.txt").startswith(
        "cannot write model.py/a"
    )
    assert here.refused("model.py", "--output", "text:model.py/a", "--output", good).startswith(
        "cannot write model.py/a"
    )


@pytest.mark.parametrize(("first", "second"), [("a.json", "text:a.json"), ("json:-", "-")])
def test_two_reports_in_one_place(here, first, second):
    here.net()
    told = here.refused("model.py", "--output", first, "--output", second)
    assert told == f"--output {first.removeprefix('json:')}: 2 reports would go there; give each its own place"


def test_a_page_is_one_file_with_the_users_own_lines(here):
    here.write(
        "model.py",
        "import torchvision\n\n\ndef build():\n    return torchvision.models.alexnet()\n",
    )
    done = here.analyze("model.py:build", "--output", "out/report.html", "--quiet")
    assert (done.status, done.out, done.err) == (0, "", "")
    assert set(here.contents()) == {"model.py", "out", "out/report.html"}
    page = here.contents()["out/report.html"].decode()
    assert '"model.py:5"' in page
    assert "61,100,840" in page


@pytest.mark.parametrize("place", ["file/report.html", "taken"])
def test_a_page_that_cannot_be_written_is_one_sentence(here, place):
    here.net()
    here.write("file", "")
    here.write("taken/other", "")
    said = here.refused("model.py", "--output", f"html:{place}")
    assert f"cannot write {place}" in said


def test_two_models_on_one_page_are_compared(here):
    here.net()
    here.write("wide.py", (here.contents()["model.py"].decode()).replace("width=8", "width=16"))
    here.analyze("model.py", "wide.py", "--output", "both.html", "--quiet")
    page = here.contents()["both.html"].decode()
    assert "2 models side by side" in page
    assert "output channels 8 to 16" in page
