"""Pull requests of every kind, from the branch to the verdict and to what a reviewer reads."""

import json
import re
from pathlib import Path

import pytest
from jsonschema import Draft4Validator

from analyzer.formats.ci import comment, github, sarif
from analyzer.formats.wording import budget_changes, layer_changes
from analyzer.values.gate_results import LayerChange
from analyzer.values.requests import ModelRequest
from analyzer.values.results import Analysis

PARAMS = (3 * 8 * 9 + 16) + (8 * 16 * 9 + 32) + (16 * 16 * 9 + 32) + (16 * 10 + 10)
WIDER = (16 * 32 * 9 + 64) + (32 * 10 + 10) - (16 * 16 * 9 + 32) - (16 * 10 + 10)
"""What the last block and the head gain with 32 channels for 16."""
SCHEMA = Path(__file__).parent.parent / "data" / "sarif-schema-2.1.0.json"

pytestmark = pytest.mark.usefixtures("in_process")


def statuses(analysis: Analysis) -> list[str]:
    return [line.status for line in analysis.budget]


def rows(analysis: Analysis) -> list[tuple[str, str, tuple[str, ...]]]:
    assert analysis.difference is not None
    return [(row.path, row.status, layer_changes.in_words(row)) for row in analysis.difference.layers]


def growth(row: LayerChange) -> int:
    return (row.after.params if row.after else 0) - (row.before.params if row.before else 0)


def heading(analysis: Analysis) -> str:
    """The comment's first visible line; the log for code scanning is valid beside it."""
    log = json.loads(sarif.render([analysis]))
    assert list(Draft4Validator(json.loads(SCHEMA.read_text(encoding="utf-8"))).iter_errors(log)) == []
    return next(line for line in comment.render([analysis]).splitlines() if line.startswith("#"))


def annotations(analysis: Analysis) -> list[str]:
    """Level and place of each command that GitHub would show."""
    return re.findall(r"^::(\w+) .*?file=([^,]*),line=(\d+)", github.render([analysis]), re.MULTILINE)


def widen(checkout) -> None:
    checkout.edit("Block(16, 16)", "Block(16, 32)")
    checkout.edit("nn.Linear(16, 10)", "nn.Linear(32, 10)")


def test_nothing_changes(checkout) -> None:
    (net,) = checkout.gate()
    assert (net.total.params, net.verdict, statuses(net)) == (PARAMS, "pass", ["pass", "pass"])
    assert net.difference is not None
    assert (net.difference.layers, net.difference.budgets) == ((), ())
    assert net.difference.unchanged == len(net.layers)
    assert net.difference.before == net.total
    assert comment.render([net], silent=True).count("\n") <= 2


def test_only_the_text_changes(checkout) -> None:
    checkout.edit("class Net", "# A network.\n\n\nclass Net")
    checkout.commit()
    (net,) = checkout.gate()
    assert (net.verdict, rows(net)) == ("pass", [])


def test_a_layer_widened_over_the_limit(checkout) -> None:
    widen(checkout)
    checkout.commit()
    (net,) = checkout.gate()
    assert (net.verdict, statuses(net)) == ("fail", ["fail", "fail"])
    assert [(line.value, line.limit, line.base) for line in net.budget] == [
        (PARAMS + WIDER, 4500, PARAMS),
        (PARAMS + WIDER, PARAMS + PARAMS // 10, PARAMS),
    ]
    assert rows(net) == [
        ("body.1.conv", "changed", ("output channels 16 to 32",)),
        ("head", "changed", ("input features 16 to 32",)),
        ("body.1.norm", "changed", ("channels 16 to 32",)),
    ]
    assert sum(map(growth, net.difference.layers)) == WIDER
    assert net.difference.before.params == PARAMS
    assert heading(net).startswith("## ❌ Parameter budget exceeded: ")
    # Block's own lines are not in the change: the line that asks for a wider block is.
    assert ("error", "model.py", "18") in annotations(net)


def test_a_relative_limit_breaks_under_the_absolute(checkout) -> None:
    checkout.edit("nn.Linear(16, 10)", "nn.Linear(16, 40)")
    checkout.commit()
    (net,) = checkout.gate()
    assert net.total.params == PARAMS + 30 * 17 <= 4500
    assert (net.verdict, statuses(net)) == ("fail", ["pass", "fail"])
    assert rows(net) == [("head", "changed", ("output features 10 to 40",))]


def test_growth_below_the_least_amount_is_let_through(checkout) -> None:
    checkout.edit("nn.Linear(16, 10)", "nn.Linear(16, 15)")
    checkout.commit()
    (net,) = checkout.gate()
    assert net.total.params == PARAMS + 5 * 17
    assert net.verdict == "pass"


def overshoot(checkout) -> None:
    """The base is over its limit already."""
    checkout.edit("params = 4500", "params = 3000", "analyze.toml")
    checkout.commit("Tighten")
    checkout.branch()


def test_an_inherited_overshoot_drifts(checkout) -> None:
    overshoot(checkout)
    (net,) = checkout.gate()
    assert (net.verdict, statuses(net)) == ("drift", ["drift", "pass"])
    assert "exceeded before this change" in heading(net)
    assert not [item for item in annotations(net) if item[0] == "error"]


def test_an_inherited_overshoot_that_grows_fails(checkout) -> None:
    overshoot(checkout)
    checkout.edit("nn.Linear(16, 10)", "nn.Linear(16, 11)")
    checkout.commit()
    (net,) = checkout.gate()
    assert (net.verdict, statuses(net)) == ("fail", ["fail", "pass"])


def test_shrinking_is_noted(checkout) -> None:
    checkout.edit("Block(16, 16)", "Block(16, 16, 1)")
    checkout.commit()
    (net,) = checkout.gate()
    assert net.total.params == PARAMS - 16 * 16 * 8
    assert net.verdict == "pass"
    # 1,884 and 5 % more is 1,978.2: rounded up to two digits, 2,000.
    assert net.budget[0].slack == 2000
    assert rows(net) == [("body.1.conv", "changed", ("kernel 3 to 1", "padding 1 to 0"))]


def test_a_renamed_block(checkout) -> None:
    checkout.edit("self.stem", "self.entry")
    checkout.commit()
    (net,) = checkout.gate()
    assert (net.verdict, rows(net)) == ("pass", [("entry", "moved", ("with 2 layers below it",))])
    assert net.difference.layers[0].was == "stem"


def test_a_block_put_in_the_middle(checkout) -> None:
    checkout.edit("Block(8, 16), ", "Block(8, 16), Block(16, 16, 1), ")
    checkout.commit()
    (net,) = checkout.gate()
    assert [row[:2] for row in rows(net)] == [
        ("body.1.conv", "added"),
        ("body.1.norm", "added"),
        ("body.2", "moved"),
    ]
    assert net.difference.layers[2].was == "body.1"


def test_a_model_is_added(checkout) -> None:
    checkout.write("small.py", "from torch import nn\nmodel = nn.Conv2d(3, 4, 1)\n")
    small = '\n[[models]]\ntarget = "small.py"\ninput = "1x3x8x8"\n[[models.budgets]]\nparams = {}\n'
    text = (checkout.top / "analyze.toml").read_text(encoding="utf-8")
    checkout.write("analyze.toml", text + small.format(16))
    checkout.commit()
    net, added = checkout.gate()
    assert (net.verdict, added.verdict) == ("pass", "pass")
    assert added.difference.before is None
    checkout.write("analyze.toml", text + small.format(15))
    assert [item.verdict for item in checkout.gate()] == ["pass", "fail"]


def test_a_name_is_added_to_a_file_that_was_there(checkout) -> None:
    checkout.edit(
        "class Net(", "class Other(Block):\n    def __init__(self):\n        super().__init__(3, 8)\n\n\nclass Net("
    )
    (other,) = checkout.gate(
        "main", ".", "model.py:Other", given=ModelRequest("", ("1x3x8x8",)), limits={"params": "232"}
    )
    assert (other.difference.before, other.verdict, other.total.params) == (None, "pass", 3 * 8 * 9 + 16)


def test_a_model_is_deleted(checkout) -> None:
    checkout.write("small.py", "from torch import nn\nmodel = nn.Conv2d(3, 4, 1)\n")
    small = '\n[[models]]\nname = "small"\ntarget = "small.py"\ninput = "1x3x8x8"\n[[models.budgets]]\nparams = 16\n'
    text = (checkout.top / "analyze.toml").read_text(encoding="utf-8")
    checkout.write("analyze.toml", text + small)
    checkout.commit("Add")
    checkout.branch()
    checkout.write("analyze.toml", text)
    (checkout.top / "small.py").unlink()
    checkout.commit("Delete")
    (net,) = checkout.gate()
    assert net.verdict == "pass"
    assert net.difference.models_gone == ("small",)


def test_a_model_whose_file_moved_is_known_by_its_name(checkout) -> None:
    checkout.edit('target = "model.py:Net"', 'target = "model.py:Net"\nname = "net"', "analyze.toml")
    checkout.commit("Name")
    checkout.branch()
    checkout.edit('"model.py:Net"', '"nets/net.py:Net"', "analyze.toml")
    checkout.write("nets/net.py", (checkout.top / "model.py").read_text(encoding="utf-8"))
    (checkout.top / "model.py").unlink()
    checkout.commit("Move")
    (net,) = checkout.gate()
    assert (net.verdict, rows(net), net.difference.before) == ("pass", [], net.total)


def test_the_budget_itself_is_edited(checkout) -> None:
    widen(checkout)
    checkout.edit("params = 4500", "params = 9000", "analyze.toml")
    checkout.edit('"10%"', '"200%"', "analyze.toml")
    checkout.commit()
    (net,) = checkout.gate()
    assert net.verdict == "pass"
    assert budget_changes.in_words(net.difference) == (
        "budget 'mobile': limit on params changed from 4.5k to 9k",
        "budget 'mobile': allowed increase of params changed from 10 % or 100, whichever is more to 200 % or 100, "
        "whichever is more",
    )
    assert "limit on params changed from 4.5k to 9k" in comment.render([net])


def test_an_override_with_its_reason(checkout) -> None:
    widen(checkout)
    override = 'override = {{ params = "8k", reason = "until the new head is distilled", until = {} }}\n'
    text = (checkout.top / "analyze.toml").read_text(encoding="utf-8")
    checkout.write("analyze.toml", text + override.format("2030-06-01"))
    (net,) = checkout.gate()
    assert (net.verdict, statuses(net)) == ("pass", ["pass", "pass"])
    assert "until the new head is distilled" in comment.render([net])
    checkout.write("analyze.toml", text + override.format("2030-05-31"))
    assert checkout.gate()[0].verdict == "fail"


def test_a_warning_does_not_fail(checkout) -> None:
    widen(checkout)
    checkout.edit("params = 4500", 'params = 4500\nlevel = "warn"', "analyze.toml")
    (net,) = checkout.gate()
    assert (net.verdict, statuses(net)) == ("pass", ["fail", "fail"])


def test_a_limit_on_a_part(checkout) -> None:
    part = '[[models.budgets]]\nmatch = "body.*"\nignore = ["*.norm"]\nparams = {}\n'
    text = (checkout.top / "analyze.toml").read_text(encoding="utf-8")
    for limit, expected in ((8 * 16 * 9 + 16 * 16 * 9, "pass"), (8 * 16 * 9 + 16 * 16 * 9 - 1, "fail")):
        checkout.write("analyze.toml", text + part.format(limit))
        assert checkout.gate(None)[0].verdict == expected


def test_limits_from_the_command_line_need_no_file(checkout) -> None:
    (checkout.top / "analyze.toml").unlink()
    for limit, expected in ((str(PARAMS), "pass"), (str(PARAMS - 1), "fail")):
        options = {"given": ModelRequest("", ("1x3x16x16",)), "limits": {"params": limit}}
        assert checkout.gate(None, ".", "model.py:Net", **options)[0].verdict == expected


def test_an_incomplete_count_is_refused(checkout) -> None:
    checkout.write("odd.py", ODD)
    options = {"given": ModelRequest("", ("1x3x8x8",)), "limits": {"macs": "1T"}}
    said = checkout.refused(None, ".", "odd.py", **options)
    assert said.startswith("budget 'command line': macs of odd.py cannot be judged: no count of ")
    (odd,) = checkout.gate(None, ".", "odd.py", given=ModelRequest("", ("1x3x8x8",)), limits={"params": "12"})
    assert odd.verdict == "pass"


ODD = """\
import torch
from torch import nn


@torch.library.custom_op("gate_test::mystery", mutates_args=())
def mystery(x: torch.Tensor) -> torch.Tensor:
    return x.clone()


@mystery.register_fake
def _(x):
    return torch.empty_like(x)


class Odd(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 1, bias=False)

    def forward(self, x):
        return mystery(self.conv(x))
"""


def test_a_pattern_without_a_layer_is_refused(checkout) -> None:
    checkout.edit("params = 4500", 'match = "bodi.*"\nparams = 4500', "analyze.toml")
    assert checkout.refused().startswith("budget 'mobile': 'bodi.*' matches no layer of model.py:Net; nearest: body")
