"""What --apply names is made together as far as that is sound, and said of each layer."""

import pytest
import torch
from torch import nn

from analyzer.advising.advisor import AdvisedModel
from analyzer.advising.selection import applied
from analyzer.analysis import study
from analyzer.loading import from_module
from analyzer.values.errors import Problem
from analyzer.values.requests import RewritingOptions


def model(*layers: nn.Module) -> AdvisedModel:
    found = study(from_module(nn.Sequential(*layers).eval(), (torch.empty(1, 3, 16, 16),), {})).model
    assert found is not None
    return found


def dense(depth: int = 2) -> AdvisedModel:
    return model(nn.Conv2d(3, 64, 3), *(nn.Conv2d(64, 64, 3, padding=1) for _ in range(depth)), nn.Conv2d(64, 9, 1))


def test_without_a_request_it_is_the_plan() -> None:
    found = dense()
    assert applied(found, []).chosen == found.best


def test_a_model_without_advice_has_nothing_to_apply() -> None:
    with pytest.raises(Problem, match="nothing to apply"):
        applied(model(nn.Conv2d(3, 4, 1)), [])


def test_what_cannot_be_made_beside_another_is_named_as_left_out() -> None:
    made = applied(dense(), ["GRP101"])
    record = made.record()
    assert [change.path for change in record.changes] == ["1"]
    assert [(change.rule, change.path) for change in record.left_out] == [("GRP101", "2")]
    assert record.error is None


def test_the_rewritten_model_has_the_layers_and_another_name() -> None:
    found = dense()
    rewritten = applied(found, ["GRP101=2:1"]).rewritten
    assert rewritten.name == f"{found.loaded.name}-rewritten"
    assert [layer.groups for layer in rewritten.module] == [1, 2, 1, 1]
    assert [layer.groups for layer in found.loaded.module] == [1, 1, 1, 1]


READ: dict[int, torch.Tensor] = {}
"""What the layers of a test read, by call: a table of the user's."""


class Standardized(nn.Conv2d):
    """Keeps the weight that it computes at every call."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weight = READ[len(READ)] = self.weight - self.weight.mean((1, 2, 3), keepdim=True)
        return nn.functional.conv2d(x, weight, self.bias, self.stride, self.padding)


@pytest.mark.usefixtures("alone")
def test_what_layers_store_outside_of_them_is_given_back(tmp_path) -> None:
    found = model(Standardized(3, 8, 3, padding=1), nn.Conv2d(8, 4, 1))
    made = applied(found, ["WGT301"])
    carried = made.carried_out(found, None)
    made.refuse_inexact(found)
    made.write(RewritingOptions(save=str(tmp_path / "weights.pth")), {}, found, carried)
    assert [type(layer) for layer in made.rewritten.module] == [nn.Conv2d, nn.Conv2d]
    assert READ == {}
