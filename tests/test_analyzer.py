"""The Python API: names that are imported at their first use, one call of each function."""

import pytest
import torch
from torch import nn

import analyzer

X = torch.zeros(1, 3, 12, 12)


def network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 8, 1)).eval()


def test_every_public_name_is_there_and_no_other() -> None:
    assert dir(analyzer) == analyzer.__all__
    assert all(getattr(analyzer, name) for name in analyzer.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        analyzer.nothing  # noqa: B018


def test_one_argument_needs_no_tuple() -> None:
    alone, tuple_, named = (analyzer.analyze(network(), *given) for given in ((X,), ((X,),), ((), {"input": X})))
    assert alone.total == tuple_.total == named.total
    assert alone.total.macs == 100 * 16 * 27 + 100 * 8 * 16


def test_an_analysis_goes_to_json_and_back() -> None:
    found = analyzer.analyze(network(), X, name="mine")
    assert found.model.name == "mine"
    assert analyzer.Analysis.from_json(found.to_json()) == found


def test_steps_are_told_where_they_are_asked_for() -> None:
    model, signal = nn.GRU(8, 16, batch_first=True).eval(), torch.zeros(2, 5, 8)
    steps = analyzer.analyze(model, signal, steps=True).steps
    assert steps is not None
    assert steps.state_bytes(1000) == 2 * 16 * 4
    assert analyzer.analyze(model, signal).steps is None


def test_what_is_said_of_advice_is_text() -> None:
    advice = next(one for one in analyzer.analyze(network(), X).advice if one.rule == "BNM302")
    assert (advice.current, advice.proposed) == ("1 = nn.BatchNorm2d(16)", "1 = nn.Identity()")
    assert advice.notes == ("for inference: training needs the normalization",)


def test_a_rewritten_model_gives_what_the_model_gives() -> None:
    model, x = network(), torch.randn(1, 3, 12, 12)
    new = analyzer.rewrite(model, ["BNM302"], x)
    assert isinstance(new[1], nn.Identity)
    with torch.no_grad():
        assert torch.allclose(new(x), model(x), atol=1e-5)
    assert isinstance(model[1], nn.BatchNorm2d)


def test_operators_that_are_known_take_no_formula() -> None:
    with pytest.raises(analyzer.Problem):
        analyzer.formula("aten::convolution", lambda out: 0)


def test_a_device_that_there_is_not_is_one_problem() -> None:
    with pytest.raises(analyzer.Problem, match="abacus"):
        analyzer.analyze(network(), X, device="abacus")
