"""The first configuration reads back, and the model that it was written for keeps to it."""

from datetime import date
from pathlib import Path

from analyzer import config
from analyzer.gating.budget import judge
from analyzer.gating.initial_config import input_specs, render
from analyzer.values.counts import Input, Model
from analyzer.values.results import Analysis


def read_back(tmp_path: Path, text: str) -> config.Config:
    (tmp_path / "analyze.toml").write_text(text, encoding="utf-8")
    return config.read(tmp_path / "analyze.toml")


def test_limits_are_todays_numbers_plus_headroom(tmp_path: Path, analysis, layer) -> None:
    net: Analysis = analysis(
        layer("conv", 25_557_032, 4_089_184_256), inputs=(Input("x", (1, 3, 224, 224), "float32"),)
    )
    text = render((net,))
    (model,) = read_back(tmp_path, text).models
    assert (model.target, model.name, model.request.inputs) == ("net.py", "net", ("1x3x224x224",))
    # 5 % more, rounded up to two digits; the bytes are 4 × 25,557,032.
    assert model.budgets[0].limits == {"params": 27_000_000, "macs": 4_300_000_000, "size": 110_000_000}
    assert {line.status for line in judge(net, model.budgets, today=date(2030, 1, 1))} == {"pass"}
    assert {line.slack for line in judge(net, model.budgets, today=date(2030, 1, 1))} == {None}
    assert 'params = "27M"                      # today: 25,557,032 parameters' in text


def test_what_is_offered_reads_back_when_uncommented(tmp_path: Path, analysis, layer) -> None:
    text = render((analysis(layer("backbone.conv", 1000, 5000)),))
    offered = [line.removeprefix("# ") if "=" in line or "[[" in line else line for line in text.splitlines()]
    (model,) = read_back(tmp_path, "\n".join(offered).replace("LIMIT", "2k").replace(" will", "# will")).models
    whole, backbone = model.budgets
    assert (whole.level, backbone.match) == ("warn", "backbone.*")
    assert whole.override is not None
    assert len(whole.increases) == 1


def test_a_model_without_parameters_keeps_to_its_configuration(tmp_path: Path, analysis, layer) -> None:
    """5 % more than nothing is nothing; a limit on what is nothing is left out beside others."""
    empty: Analysis = analysis(layer("act", 0, 0))
    (model,) = read_back(tmp_path, render((empty,))).models
    assert model.budgets[0].limits == {"params": 0, "macs": 0, "size": 0}
    assert {line.status for line in judge(empty, model.budgets, today=date(2030, 1, 1))} == {"pass"}
    (table,) = read_back(tmp_path, render((analysis(layer("embedding", 100, 0)),))).models
    assert sorted(table.budgets[0].limits) == ["params", "size"]


def test_unknown_numbers_get_no_limit(tmp_path: Path, analysis, layer) -> None:
    alone = analysis(layer("conv", 10), complete=False, macs=None)
    assert "macs" not in read_back(tmp_path, render((alone,))).models[0].budgets[0].limits


def test_checkpoint_settings_and_odd_names(tmp_path: Path, analysis, layer) -> None:
    net = analysis(layer("conv", 10), model=Model('mo"dèl', "a b/mödel.py:build", "Net"))
    (model,) = read_back(tmp_path, render((net,), "w\\x.pth", {"width": "2", "a.b": "x"})).models
    assert (model.name, model.target, model.checkpoint) == ('mo"dèl', "a b/mödel.py:build", "w\\x.pth")
    assert model.request.settings == {"width": "2", "a.b": "x"}


def test_what_was_assumed_is_a_comment(tmp_path: Path, analysis, layer) -> None:
    model = Model("net", "net.py", "Net", assumptions=("input 1×3\nwas assumed",))
    text = render((analysis(layer("conv", 10), model=model),))
    assert "\n# assumed: input 1×3 was assumed\n" in text
    assert read_back(tmp_path, text).models[0].name == "net"


def test_two_models(tmp_path: Path, analysis, layer) -> None:
    nets = [analysis(layer("conv", 10), model=Model(name, f"{name}.py", "Net")) for name in ("a", "b")]
    assert [model.name for model in read_back(tmp_path, render(nets)).models] == ["a", "b"]


def test_inputs_as_the_command_takes_them(analysis) -> None:
    several = (Input("ids", (1, 128), "int64"), Input("mask", (1, 128), "float32"), Input("step", (), "int64"))
    assert input_specs(analysis(inputs=several)) == ["ids=1x128:int64", "mask=1x128"]
    assert input_specs(analysis(inputs=several[:1])) == ["1x128:int64"]
