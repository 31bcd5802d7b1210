"""Many models by one call of the command: killed, hanging and failing models, and a call that was killed itself."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

LINEAR = "from torch import nn\nmodel = nn.Linear(4, {})\n"
NOTE = "with open('analysed.txt', 'a') as file: file.write('{}\\n')\n"
WAIT = "import os, time\nwhile not os.path.exists('go'): time.sleep(0.05)\n"
KILLED = "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n"
REPORTS = ("-o", "table.md", "-o", "table.csv", "-o", "table.json", "-o", "table.html")
FILES = ("table.md", "table.svg", "table.csv", "table.json", "table.html")


def test_a_killed_and_a_failing_model_cost_their_own_rows(here) -> None:
    here.write("models/good.py", LINEAR.format(3))
    here.write("models/killed.py", KILLED)
    here.write("models/raises.py", "raise ValueError('odd')\n")
    done = here.analyze("models/*.py", *REPORTS, "--sort", "target")
    assert done.status == 2
    assert "2 of 3 models could not be analysed" in done.err
    rows = {row["target"]: row for row in json.loads(Path("table.json").read_text())["rows"]}
    assert list(rows) == ["models/good.py", "models/killed.py", "models/raises.py"]
    assert (rows["models/good.py"]["params"], rows["models/good.py"]["macs"]) == (4 * 3 + 3, 4 * 3)
    assert "SIGKILL" in rows["models/killed.py"]["failure"]
    assert "ValueError: odd" in rows["models/raises.py"]["failure"]
    assert rows["models/raises.py"]["params"] is None
    listed = {row["target"]: row for row in csv.DictReader(io.StringIO(Path("table.csv").read_text()))}
    assert (listed["models/good.py"]["params"], listed["models/killed.py"]["macs"]) == ("15", "")
    report = Path("table.md").read_text()
    assert report.index("`models/good.py`") < report.index("Without an analysis") < report.index("`models/killed.py`")
    assert "models/killed.py" in done.out


def test_a_model_that_hangs_is_a_row_that_says_so(here) -> None:
    here.write("hangs.py", WAIT)
    done = here.analyze("h*.py", "--timeout", "1", "-o", "csv:-")
    (row,) = csv.DictReader(io.StringIO(done.out))
    assert (done.status, "not analysed within 1 s" in row["failure"]) == (2, True)


def running(*arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "analyzer", *arguments], stdout=subprocess.DEVNULL)


def rows_in(place: Path) -> int:
    return max(place.read_bytes().count(b"\n") - 1, 0) if place.exists() else 0


def test_a_killed_call_goes_on_where_it_stopped(here) -> None:
    here.write("net_a.py", NOTE.format("a") + LINEAR.format(3))
    here.write("net_b.py", NOTE.format("b") + WAIT + LINEAR.format(5))
    call = ("net_?.py", "--results", "rows.jsonl", "--workers", "1", "--timeout", "0", *REPORTS)
    kept = Path("rows.jsonl")
    with running(*call) as killed:
        while rows_in(kept) < 1 or Path("analysed.txt").read_text() != "a\nb\n":
            assert killed.poll() is None
            time.sleep(0.05)
        os.kill(killed.pid, signal.SIGKILL)
    assert not any(Path(file).exists() for file in FILES)
    with kept.open("ab") as file:
        file.write(b'{"target":"net_b.py","nam')
    here.write("go", "")
    assert here.analyze(*call).status == 0
    assert Path("analysed.txt").read_text() == "a\nb\nb\n"
    assert rows_in(kept) == 2
    resumed = {file: Path(file).read_bytes() for file in FILES}
    side_by_side = here.analyze("net_?.py", "--workers", "2", "--timeout", "0", *REPORTS)
    assert side_by_side.status == 0
    assert {file: Path(file).read_bytes() for file in FILES} == resumed


def test_rows_that_are_there_need_no_worker(here, monkeypatch) -> None:
    here.write("net.py", LINEAR.format(3))
    call = ("net.py", "--results", "rows.jsonl", "-o", "csv:-")
    first = here.analyze(*call)
    assert (first.status, rows_in(Path("rows.jsonl"))) == (0, 1)
    monkeypatch.setattr("analyzer.gating.workers.Job.command", lambda _: pytest.fail("a worker was started"))
    assert here.analyze(*call).out == first.out
    refused = here.analyze(*call, "--input", "2x4")
    assert refused.status == 2
    assert 'its option input is not given, this call\'s ["2x4"]' in refused.err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("torchvision:resnext*z",), "no model of torchvision matches; did you mean resnet"),
        (("*.pyc",), "*.pyc: no file matches"),
        (("*.py", "--latency"), "--latency is for single models"),
        (("*.py", "--max-params", "1M"), "a budget is for single models"),
        (("*.py", "--fit", "macs=50%"), "--fit is for single models"),
        (("*.py", "--device-profile", "this"), "--device-profile this is for single models"),
        (("*.py", "-o", "scan.sarif"), "sarif is about single models; a table of many is written as markdown, csv"),
        (("--results", "rows.jsonl"), "--results takes targets"),
        (("*.py", "--sort", "beauty"), "'beauty' is not one of 'macs'"),
        (("*.py", "--workers", "0"), "--workers"),
    ],
)
def test_what_makes_no_table_is_one_sentence(here, arguments, sentence) -> None:
    here.write("net.py", LINEAR.format(3))
    done = here.analyze(*arguments)
    assert (done.status, done.err.count("\n")) == (2, 1)
    assert sentence in done.err
    assert sorted(path.name for path in Path().iterdir()) == ["net.py"]
