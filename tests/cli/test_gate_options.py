"""Options of the gate that must not be misread: an empty base, no base on purpose, the configuration of each target."""

import pytest

CONFIG = '[[models]]\ntarget = "model.py"\ninput = "1x3x16x16"\n[[models.budgets]]\nparams = {}\n'


@pytest.mark.parametrize("empty", ["", " "])
def test_an_empty_base_is_refused(here, empty):
    here.net()
    told = here.refused("model.py", "--max-params", "1M", "--against", empty)
    assert told.startswith("--against is empty, as from an unset variable: name a revision, or say --no-base")


def test_no_base_on_purpose(here):
    here.net()
    assert here.analyze("model.py", "--max-params", "1M", "--no-base", "--quiet").status == 0
    assert here.refused("model.py", "--against", "main", "--no-base").startswith("--against and --no-base contradict")


def test_growth_without_a_base_is_told_to_be_unchecked(here):
    here.net()
    here.write("analyze.toml", CONFIG.format('1000\nmax-increase = { params = "1%" }'))
    done = here.analyze("model.py", "--output", "text:-")
    assert done.status == 0
    assert "off: Parameter growth budget not checked: there is no base to compare with\n" in done.out
    assert "  may grow by 1 %\n" in done.out


def test_each_target_is_held_to_the_configuration_nearest_to_it(here):
    here.net()
    here.write("analyze.toml", CONFIG.format(1_000))
    for name, limit in (("a", 1_000), ("b", 10)):
        here.write(f"{name}/model.py", here.contents()["model.py"])
        here.write(f"{name}/analyze.toml", CONFIG.format(limit))
    assert here.analyze("a/model.py", "model.py", "--quiet").status == 0
    assert here.analyze("b/model.py", "--quiet").status == 1
    assert here.analyze("a/model.py", "b/model.py", "model.py", "--quiet").status == 1


def test_reports_keep_the_order_of_the_targets(here):
    import json

    here.net()
    here.write("a/wide.py", "from torch import nn\nmodel = nn.Linear(2, 3)\n")
    here.write("a/analyze.toml", '[[models]]\ntarget = "wide.py"\n')
    here.write("other.py", "from torch import nn\nmodel = nn.Linear(2, 4)\n")
    done = here.analyze("model.py", "a/wide.py", "other.py", "--output", "json:-")
    assert [item["model"]["target"] for item in json.loads(done.out)] == ["model.py", "a/wide.py", "other.py"]


def test_a_gate_leaves_nothing_in_the_repository(here):
    here.net()
    before = here.contents()
    done = here.analyze("model.py", "--max-params", "1M")
    assert (done.status, here.contents()) == (0, before)
    assert "Parameter budget kept" in done.out


def test_short_options(here):
    here.net()
    done = here.analyze("model.py", "-q", "-o", "report.json")
    assert (done.status, done.out) == (0, "")
    assert "report.json" in here.contents()
