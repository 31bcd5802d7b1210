"""The command as its own process: exit status, what goes to which stream, what is imported, what a model may print."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from analyzer.cli import command
from analyzer.version import VERSION

MODULE = (sys.executable, "-m", "analyzer")
SCRIPT = (str(Path(sys.executable).with_name("analyze")),)


def run(*arguments, command=MODULE, **options):
    return subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=120, **options)


def outcome(done):
    return done.returncode, done.stdout, done.stderr


def test_a_report_and_an_error(here):
    here.net()
    done = run("model.py", "--output", "json:-")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["total"]["macs"] == 8 * 3 * 3 * 3 * 222 * 222 + 10 * 8
    done = run("gone.py")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "analyze: error: gone.py: no such file; give the path of a Python file that defines a model"
    ]


@pytest.mark.parametrize("command", [MODULE, SCRIPT])
def test_both_ways_to_start_it(command):
    assert outcome(run("--version", command=command)) == (0, f"analyze {VERSION}\n", "")


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_names_every_option(option):
    done = run(option)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Usage: python -m analyzer [OPTIONS] [TARGET]...")
    named = {name for option in command.params for name in option.opts if name.startswith("--")}
    assert {name for name in named if name not in done.stdout} == set()
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_help_is_grouped_and_names_every_format():
    from analyzer.formats import FORMATS, SUFFIXES

    titles = [group.title for group in command.option_groups]
    assert titles[:3] == ["Model and input", "Reports", "Advice"]
    text = run("--help").stdout
    assert all(f"\n{title}:\n" in text for title in titles)
    assert {name for name in (*FORMATS, *SUFFIXES) if name not in text} == set()


def test_the_schema_describes_the_json_report(here):
    here.net()
    schema = json.loads(here.analyze("--json-schema").out)
    analysis = schema["$defs"]["Analysis"] if "$defs" in schema else schema
    assert set(here.json("model.py")) == set(analysis["properties"])


@pytest.mark.parametrize("option", ["--help", "--version", "--json-schema"])
def test_what_needs_no_model_imports_no_torch(option):
    call = f"analyzer.cli.command([{option!r}], standalone_mode=False)"
    code = f"import sys, analyzer.cli; {call}; print('torch' in sys.modules)"
    done = run(command=(sys.executable, "-c", code))
    assert done.stdout.splitlines()[-1] == "False"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--nope",), "No such option '--nope'"),
        (("model.py", "--input"), "Option '--input' requires an argument"),
        (("--quiet=3",), "Option '--quiet' does not take a value"),
    ],
)
def test_a_wrong_option(here, arguments, told):
    message = here.refused(*arguments)
    assert message.startswith(told)
    assert message.endswith("(analyze --help lists the options)")


def test_debug_shows_the_traceback():
    done = run("gone.py", "--debug")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Traceback (most recent call last):\n")
    assert done.stderr.splitlines()[-1].startswith("analyze: error: gone.py: no such file")


LOUD = """
import os, sys, warnings
print('file')
print('past the redirection', file=sys.__stdout__, flush=True)
os.system('echo child')
warnings.warn('careful')
sys.stdout = open(os.devnull, 'w')
"""


def test_stdout_stays_clean_whatever_the_model_prints(here):
    here.net("x = self.conv", "print('forward'); os.system('echo forward child'); x = self.conv", more=LOUD)
    done = run("model.py", "--output", "json:-")
    assert done.returncode == 0
    assert json.loads(done.stdout)["total"]["params"] == (8 * 3 * 3 * 3 + 8) + (10 * 8 + 10)
    assert {"file", "past the redirection", "child", "forward", "forward child"} <= set(done.stderr.splitlines())
    assert "careful" in done.stderr


def test_stdout_and_stderr_may_be_closed(here):
    here.net()
    for closing in (">&-", "2>&-", ">&- 2>&-"):
        done = run(
            command=("sh", "-c", f'exec "$0" -m analyzer model.py --output report.json {closing}', sys.executable)
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert json.loads(here.contents()["report.json"])["complete"]


def test_a_file_that_installs_handlers(here):
    here.net(
        more="import atexit, signal, sys\natexit.register(print, 'bye', file=sys.stderr)\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nsys.excepthook = None\n"
    )
    done = run("model.py", "--output", "json:-")
    assert (done.returncode, done.stderr) == (0, "bye\n")
    json.loads(done.stdout)


def test_nothing_is_written_beside_a_model_of_a_read_only_place(here):
    here.write("source/model.py", "from layers import layer\nmodel = layer()\n")
    here.write("source/layers.py", "from torch import nn\ndef layer(): return nn.Linear(3, 5)\n")
    done = run("source/model.py", "--output", "json:-", env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"})
    assert json.loads(done.stdout)["total"]["params"] == 3 * 5 + 5
    assert sorted(path.name for path in Path("source").iterdir()) == ["layers.py", "model.py"]
