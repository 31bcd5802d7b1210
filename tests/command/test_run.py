"""One call of the command: what goes together, what is refused before anything is analysed, what is looked up."""

from datetime import date
from pathlib import Path

import pytest

from analyzer.command.run import CommandRequest, GateOptions, initial, perform
from analyzer.values.errors import Problem
from analyzer.values.requests import FittingOptions, ModelRequest, RewritingOptions, WorkRequest

TODAY = date(2026, 1, 2)
NET = "from torch import nn\n\nmodel = nn.Linear(2, {outputs})\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_process: None) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, outputs in (("small", 3), ("same", 4)):
        (tmp_path / f"{name}.py").write_text(NET.format(outputs=outputs))
    return tmp_path


def request(*targets: str, gate: GateOptions | None = None, **options) -> CommandRequest:
    work = WorkRequest(tuple(ModelRequest(target, inputs=("1x2",)) for target in targets), **options)
    return CommandRequest(work, ModelRequest(""), None, gate or GateOptions())


def done(asked: CommandRequest):
    return perform(asked, lambda _: None, TODAY)[0]


def test_targets_are_analysed_in_their_order(folder: Path) -> None:
    found = done(request("same.py", "small.py"))
    assert [(one.model.name, one.total.params) for one in found] == [("same", 2 * 4 + 4), ("small", 2 * 3 + 3)]


def test_a_limit_is_judged(folder: Path) -> None:
    gate = GateOptions(limits={"params": "5"})
    (found,) = done(request("small.py", gate=gate))
    assert (found.verdict, found.budget[0].value, found.budget[0].limit) == ("fail", 9, 5)


def test_each_target_is_held_to_the_nearest_configuration(folder: Path) -> None:
    inner = folder / "inner"
    inner.mkdir()
    (inner / "net.py").write_text(NET.format(outputs=3))
    limit = '[[models]]\ntarget = "net.py"\ninput = ["1x2"]\n[[models.budgets]]\nname = "tiny"\nparams = 5\n'
    (inner / "analyze.toml").write_text(limit)
    outer, nested = done(request("small.py", "inner/net.py"))
    assert (outer.verdict, nested.verdict) == (None, "fail")


REFUSED = {
    "give the target": request(rewriting=RewritingOptions(apply=("GRP101",))),
    "--fit takes one target": request("small.py", "same.py", fitting=FittingOptions(budgets=("macs=50%",))),
    "leave --apply out": request(
        "small.py", fitting=FittingOptions(budgets=("macs=50%",)), rewriting=RewritingOptions(apply=("GRP101",))
    ),
}


@pytest.mark.parametrize(("said", "asked"), REFUSED.items(), ids=REFUSED.keys())
def test_what_does_not_go_together_is_refused(said: str, asked: CommandRequest, folder: Path) -> None:
    with pytest.raises(Problem, match=said):
        done(asked)


def test_limits_are_written_at_todays_numbers_unless_there_are_some(folder: Path) -> None:
    text = initial(request("small.py"), lambda _: None)
    assert 'target = "small.py"' in text
    (folder / "analyze.toml").write_text(text)
    with pytest.raises(Problem, match="exists; edit it"):
        initial(request("small.py"), lambda _: None)
