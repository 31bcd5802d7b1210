"""A model keeps its limits on growth when it is renamed, or the gate says that it cannot tell."""

import pytest

from analyzer.gating.counterparts import Counterparts
from analyzer.gating.plan import PlannedModel
from analyzer.values.requests import ModelRequest

pytestmark = pytest.mark.usefixtures("in_process")
WIDER = ("nn.Linear(16, 10)", "nn.Linear(16, 40)")


def git_move(checkout, old: str, new: str) -> None:
    text = (checkout.top / old).read_text(encoding="utf-8")
    (checkout.top / old).unlink()
    checkout.write(new, text)


def statuses(checkout, *given: str) -> list[str]:
    (net,) = checkout.gate(*given)
    return [line.status for line in net.budget]


def test_a_renamed_file_is_the_same_model(checkout) -> None:
    git_move(checkout, "model.py", "nets/network.py")
    checkout.edit("model.py:Net", "nets/network.py:Net", "analyze.toml")
    checkout.edit(*WIDER, "nets/network.py")
    checkout.commit()
    (net,) = checkout.gate()
    assert [line.status for line in net.budget] == ["pass", "fail"]
    assert net.difference.before.params < net.total.params
    assert (net.difference.budgets, net.difference.models_gone) == ((), ())


def test_a_renamed_file_that_the_base_did_not_configure(checkout) -> None:
    (checkout.top / "analyze.toml").unlink()
    checkout.commit()
    checkout.branch()
    git_move(checkout, "model.py", "network.py")
    checkout.commit()
    (net,) = checkout.gate("main", ".", "network.py:Net", given=ModelRequest("", ("1x3x16x16",)))
    assert net.difference.before == net.total


def test_a_renamed_class_without_a_name_is_refused(checkout) -> None:
    checkout.edit("class Net(", "class Network(")
    checkout.edit("model.py:Net", "model.py:Network", "analyze.toml")
    assert checkout.refused() == (
        "model.py:Network has limits on growth and is not at the base, whose 'model.py:Net' is no longer configured; "
        "if it is the same model, write formerly = 'model.py:Net' beside its target, else leave max-increase out"
    )


def test_what_it_was_can_be_said(checkout) -> None:
    checkout.edit("class Net(", "class Network(")
    checkout.edit("model.py:Net", 'model.py:Network"\nformerly = "model.py:Net', "analyze.toml")
    checkout.edit(*WIDER)
    assert statuses(checkout) == ["pass", "fail"]


def test_a_new_model_beside_the_others_has_nothing_to_grow_from(checkout) -> None:
    text = (checkout.top / "analyze.toml").read_text(encoding="utf-8")
    checkout.write("other.py", (checkout.top / "model.py").read_text(encoding="utf-8"))
    checkout.write("analyze.toml", text + text.replace("model.py", "other.py"))
    old, new = checkout.gate()
    assert [line.status for line in old.budget] == ["pass", "pass"]
    assert [line.status for line in new.budget] == ["pass", "off"]


def test_a_model_that_went_with_its_limits_is_told(checkout) -> None:
    checkout.write("other.py", (checkout.top / "model.py").read_text(encoding="utf-8"))
    checkout.write("analyze.toml", '[[models]]\ntarget = "other.py:Net"\ninput = "1x3x16x16"\n')
    (net,) = checkout.gate()
    assert net.difference.models_gone == ("model.py:Net",)


@pytest.mark.parametrize(
    ("formerly", "name", "target", "expected"),
    [
        ("b", "a", "a.py", "b.py"),
        ("b.py", "a", "a.py", "b.py"),
        ("", "b", "a.py", "b.py"),
        ("", "", "sub/../a.py", "a.py"),
        ("", "", "new.py", "a.py"),
        ("", "c", "c.py", None),
    ],
)
def test_by_what_is_said_then_name_then_place_then_rename(tmp_path, formerly, name, target, expected) -> None:
    from analyzer.config.tables import ModelConfig

    models = (ModelConfig(target="a.py", name="a"), ModelConfig(target="b.py", name="b"))
    known = Counterparts(models, tmp_path, {tmp_path / "new.py": tmp_path / "a.py"})
    found = known.of(PlannedModel(ModelRequest(target, name=name), formerly=formerly), tmp_path)
    assert (found.target if found else None) == expected
