"""What the command line says becomes one request; contradictions are refused in one sentence."""

from typing import Any

import pytest

from analyzer.cli import command
from analyzer.command.arguments import request_of, wanted_of
from analyzer.values.errors import Problem
from analyzer.values.requests import ModelRequest


def asked(*arguments: str) -> dict[str, Any]:
    """The parameters as click parses them."""
    return dict(command.make_context("analyze", list(arguments)).params)


def test_targets_and_what_is_said_of_all() -> None:
    request = request_of(**asked("a.py", "b.py", "--input", "1x3", "--set", "width=2", "--select", "SEP,GRP"))
    assert request.work.models == (ModelRequest("a.py"), ModelRequest("b.py"))
    assert (request.given.inputs, request.given.settings) == (("1x3",), {"width": "2"})
    assert request.work.options.select == ("SEP", "GRP")


def test_each_target_has_its_checkpoint() -> None:
    request = request_of(**asked("a.py", "b.py", "--checkpoint", "a.pth", "--checkpoint", "b.pth"))
    assert [model.checkpoint for model in request.work.models] == ["a.pth", "b.pth"]


@pytest.mark.parametrize(("seconds", "limit"), [("7.5", 7.5), ("0", None)])
def test_no_time_limit_is_zero(seconds: str, limit: float | None) -> None:
    assert request_of(**asked("a.py", "--timeout", seconds)).work.timeout == limit


def test_limits_by_metric() -> None:
    gate = request_of(**asked("a.py", "--max-params", "5M", "--max-peak-memory", "1MiB", "--against", "main")).gate
    assert gate.limits == {"params": "5M", "macs": None, "size": None, "peak-memory": "1MiB"}
    assert gate.against == "main"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("a.py", "--against", ""), "--against is empty"),
        (("a.py", "--against", "main", "--no-base"), "contradict"),
        (("a.py", "b.py", "--checkpoint", "w.pth"), "2 targets and 1 checkpoints"),
        (("a.py", "--set", "width"), "NAME=VALUE"),
    ],
)
def test_what_is_refused(arguments: tuple[str, ...], said: str) -> None:
    with pytest.raises(Problem, match=said):
        request_of(**asked(*arguments))


def test_two_reports_need_two_places() -> None:
    assert wanted_of(**asked("a.py", "-o", "json:-", "-o", "r.md")).outputs == (("json", "-"), ("markdown", "r.md"))
    with pytest.raises(Problem, match="--output r: 2 reports would go there"):
        wanted_of(**asked("a.py", "-o", "json:r", "-o", "markdown:r"))


def test_a_page_tells_what_built_each_layer() -> None:
    wanted = [request_of(**asked("a.py", "-o", place)).work.options.construction for place in ("a.html", "a.json")]
    assert wanted == [True, False]
