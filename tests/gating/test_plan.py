"""What is analysed: configured models or named targets, with the budgets that are theirs."""

import os
from pathlib import Path

import pytest

from analyzer import config
from analyzer.gating.plan import command_line_budgets, place_of, plan_for
from analyzer.values.errors import Problem
from analyzer.values.requests import ModelRequest

TOML = """\
[[models]]
target = "models/net.py:build"
name = "net"
input = "1x3x8x8"
checkpoint = "weights/net.pth"
set = { width = 2 }
[[models.budgets]]
name = "mobile"
params = "5M"
[[models]]
target = "torchvision:resnet18"
"""


@pytest.fixture
def configured(tmp_path: Path) -> config.Config:
    (tmp_path / "models").mkdir()
    (tmp_path / "analyze.toml").write_text(TOML, encoding="utf-8")
    return config.read(tmp_path / "analyze.toml")


def test_all_configured_models_in_their_directory(configured: config.Config) -> None:
    plan = plan_for(configured)
    assert [model.request.target for model in plan.models] == ["models/net.py:build", "torchvision:resnet18"]
    assert plan.directory == configured.directory


@pytest.mark.parametrize(
    ("where", "target"), [(".", "models/net.py:build"), ("models", "net.py:build"), ("models", "./net.py:build")]
)
def test_a_named_target_has_its_budgets_wherever_it_is_named_from(
    configured: config.Config, monkeypatch: pytest.MonkeyPatch, where: str, target: str
) -> None:
    monkeypatch.chdir(configured.directory / where)
    (model,) = plan_for(configured, [ModelRequest(target)]).models
    assert (model.request.target, model.budgets[0].title) == (target, "mobile")
    assert model.request.inputs == ("1x3x8x8",)
    assert os.path.normpath(Path.cwd() / str(model.request.checkpoint)) == str(
        configured.directory / "weights" / "net.pth"
    )


@pytest.mark.parametrize("target", ["models/net.py", "models/net.py:other", "net.py:build", "torchvision:resnet50"])
def test_another_target_has_none(configured: config.Config, monkeypatch: pytest.MonkeyPatch, target: str) -> None:
    monkeypatch.chdir(configured.directory)
    (model,) = plan_for(configured, [ModelRequest(target)]).models
    assert (model.budgets, model.request.inputs, model.request.checkpoint) == ((), (), None)


def test_the_command_line_says_more(configured: config.Config) -> None:
    limits = {"params": "25M", "size": "98MiB", "macs": None}
    plan = plan_for(configured, given=ModelRequest("", ("1x3x9x9",), settings={"depth": "3"}), limits=limits)
    assert [[budget.title for budget in model.budgets] for model in plan.models] == [
        ["mobile", "command line"],
        ["command line"],
    ]
    assert plan.models[0].request.inputs == ("1x3x9x9",)
    assert plan.models[0].request.settings == {"width": "2", "depth": "3"}


def test_checkpoints_go_by_their_order() -> None:
    plan = plan_for(None, [ModelRequest("a.py", checkpoint="a.pth"), ModelRequest("b.py", checkpoint="b.pth")])
    assert [model.request.checkpoint for model in plan.models] == ["a.pth", "b.pth"]


def test_nothing_to_analyse(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="no target given and no configuration found"):
        plan_for(None)
    (tmp_path / "analyze.toml").write_text("", encoding="utf-8")
    with pytest.raises(Problem, match=r"analyze\.toml names no model; add \[\[models\]\]"):
        plan_for(config.read(tmp_path / "analyze.toml"))


def test_limits_of_the_command_line() -> None:
    (budget,) = command_line_budgets({"params": "25000001", "peak-memory": "1.5GiB"})
    assert budget.limits == {"params": 25_000_001, "peak-memory": 3 * 2**29}
    assert command_line_budgets({"params": None}) == ()


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"params": "25 miles"}, "--max-params 25 miles: '25 miles' is not a plain integer"),
        ({"macs": "98MiB"}, "--max-macs 98MiB: "),
        ({"size": "1.5"}, "--max-size 1.5: '1.5' is not a whole number"),
        ({"peak-memory": "-1"}, "--max-peak-memory -1: "),
    ],
)
def test_limits_that_cannot_be_read(limits: dict, said: str) -> None:
    with pytest.raises(Problem) as caught:
        command_line_budgets(limits)
    assert str(caught.value).startswith(said)


def test_places() -> None:
    here = Path("/a/b")
    assert place_of("c.py:x", here) == place_of("../b/c.py:x", here) == ("/a/b/c.py", "x")
    assert place_of("w.pth", here) == ("/a/b/w.pth", "")
    assert place_of("timm:net", here) == ("timm:net", "")
