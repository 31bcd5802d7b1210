"""Models that end the process, never end, or meddle with the result: never a pass, and never a hang."""

import json
import subprocess
import sys
import time

import pytest

MODULE = (sys.executable, "-m", "analyzer")


def run(*arguments):
    return subprocess.run([*MODULE, *arguments], capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("place", ["x = self.conv(x).mean((2, 3))", "super().__init__()"])
@pytest.mark.parametrize("status", [0, 1, 2])
def test_a_model_that_ends_the_process_is_not_analysed(here, place, status):
    here.net(place, f"import os; os._exit({status})")
    done = run("model.py", "--max-params", "1G", "--output", "json:report.json")
    assert done.returncode == 2
    assert done.stderr == (
        f"analyze: error: model.py: the analysis ended before it had a result: exit status {status}\n"
    )
    assert "report.json" not in here.contents()


def test_code_that_runs_at_exit_comes_too_late(here):
    here.net(
        more="""
import atexit, os
def forge():
    for number in range(3, 20):
        try: os.write(number, b'{}\\n')
        except OSError: pass
    for name in os.listdir('.'):
        if name.endswith('.json'): open(name, 'w').write('{}')
    os._exit(0)
atexit.register(forge)
"""
    )
    done = run("model.py", "--max-params", "1", "--output", "json:report.json")
    assert done.returncode == 1
    assert json.loads(here.contents()["report.json"])["verdict"] == "fail"


def test_what_the_model_writes_into_every_descriptor_is_never_a_result(here):
    here.net(
        "x = self.conv(x).mean((2, 3))",
        "import os; [os.write(n, b'{}\\n') for n in range(3, 20) if os.path.exists(f'/proc/self/fd/{n}')"
        " and 'pipe' in os.readlink(f'/proc/self/fd/{n}')]; x = self.conv(x).mean((2, 3))",
    )
    done = run("model.py", "--max-params", "1G")
    assert done.returncode == 2
    assert "the model's code wrote among the results" in done.stderr


def test_an_endless_forward_is_told_with_its_layer(here):
    here.net("x = self.conv(x).mean((2, 3))", "\n        while True: time.sleep(0.01)", more="import time\n")
    done = run("model.py", "--timeout", "20")
    assert done.returncode == 2
    assert done.stderr == (
        "analyze: error: model.py: not analysed within 20 s: it was at model.py:13 in Net; allow more with --timeout\n"
    )


def test_threads_that_the_model_left_do_not_keep_the_command(here):
    here.net(more="import threading, time\nthreading.Thread(target=time.sleep, args=(100,)).start()\n")
    before = time.monotonic()
    done = run("model.py", "--output", "json:report.json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(here.contents()["report.json"])["complete"]
    assert time.monotonic() - before < 90
