"""What a worker does with the models of one request, and what it tells meanwhile."""

from pathlib import Path

import pytest

from analyzer.command.studies import studied
from analyzer.gating.channel import Message
from analyzer.values.errors import Problem
from analyzer.values.requests import ModelRequest, RewritingOptions, TimingOptions, WorkRequest

NET = (
    "from torch import nn, zeros\n\n\ndef build_model():\n"
    "    return nn.Sequential(nn.Conv2d(3, 64, 3), nn.Conv2d(64, 64, 3, padding=1), nn.Conv2d(64, 9, 1)).eval()\n\n\n"
    "example_inputs = zeros(1, 3, 12, 12)\n"
)


@pytest.fixture(autouse=True)
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.py").write_text(NET)


def work(*models: ModelRequest, **given) -> WorkRequest:
    return WorkRequest(models or (ModelRequest("net.py"),), **given)


def test_models_come_in_their_order_under_their_names_and_are_announced() -> None:
    told: list[Message] = []
    found = list(studied(work(ModelRequest("net.py", name="one"), ModelRequest("net.py", name="two")), told.append))
    assert [analysis.model.name for analysis in found] == ["one", "two"]
    assert [message.begun for message in told if message.begun] == ["net.py", "net.py"]


def test_a_rewritten_model_comes_after_its_original() -> None:
    asked = work(rewriting=RewritingOptions(apply=("GRP101=2",)))
    original, rewritten = studied(asked, lambda _: None)
    assert rewritten.rewriting is not None
    assert [(change.rule, change.path) for change in rewritten.rewriting.changes] == [("GRP101", "1")]
    assert original.total.params - rewritten.total.params == 64 * 64 * 9 // 2


def test_what_cannot_be_loaded_is_one_problem() -> None:
    with pytest.raises(Problem, match=r"missing\.py"):
        list(studied(work(ModelRequest("missing.py")), lambda _: None))


def test_a_checkpoint_has_no_forward_to_be_timed() -> None:
    import torch

    torch.save({"fc.weight": torch.ones(3, 2)}, "weights.pt")
    asked = work(ModelRequest("weights.pt"), timing=TimingOptions(wanted=True))
    with pytest.raises(Problem, match="without a forward there is nothing to time"):
        list(studied(asked, lambda _: None))
