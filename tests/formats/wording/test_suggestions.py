from dataclasses import replace

import pytest
import torch
from torch import nn

import analyzer
from analyzer.formats.wording import suggestions
from analyzer.formats.wording.suggestions import alike
from analyzer.values.advice import PlannedChange, PlanStep, Saving


def test_advice_is_sorted_by_what_it_asks(advised):
    assert [advice.rule for advice in suggestions.restructurings(advised)] == ["SEP101"]
    assert [advice.rule for advice in suggestions.of_step(advised, "free")] == ["BNF301"]
    assert [advice.rule for advice in suggestions.of_step(advised, None)] == ["HED201"]


def test_a_proposal_is_a_sentence_with_what_it_saves_and_takes(advised, separable):
    assert suggestions.sentence(separable, advised.total) == (
        "stem.conv: nn.Conv2d(3, 16, 3, padding=1, bias=False) could be nn.Sequential("
        "nn.Conv2d(3, 3, 3, padding=1, groups=3, bias=False), nn.Conv2d(3, 16, 1, bias=False)): "
        "357 fewer parameters (3.3 %), 22,848 fewer MACs (60.3 %); needs retraining; memory-bound on laptop"
    )


def test_evidence_comes_last(advised, separable):
    told = suggestions.sentence(replace(separable, evidence="kept 90 %, noise 20 %"), advised.total)
    assert told.endswith("; needs retraining; memory-bound on laptop; kept 90 %, noise 20 %")


def test_a_fact_is_what_is_there_and_its_notes(advised):
    told = suggestions.sentence(advised.advice[2], advised.total)
    assert told == "head: holds 95.7 % of the parameters; pool before it"


def test_the_model_itself_has_no_path(advised, separable):
    assert suggestions.sentence(replace(separable, path=""), advised.total).startswith("the model itself: nn.Conv2d")


@pytest.mark.parametrize(
    ("saved", "expected"),
    [
        (Saving(32, 0), "32 fewer parameters (0.3 %)"),
        (Saving(0, 37_888), "37,888 fewer MACs (100 %)"),
        (Saving(-16, 18_944), "16 more parameters (0.1 %), 18,944 fewer MACs (50.0 %)"),
        (Saving(0, -75_776), "75,776 more MACs (200.0 %)"),
        (Saving(0, 0), "nothing saved"),
    ],
)
def test_savings_name_what_changes_and_which_way(saved, expected, advised):
    assert suggestions.savings(saved, advised.total) == expected


def test_a_share_of_an_unknown_total_is_left_out(checkpoint):
    assert suggestions.savings(Saving(0, 10), checkpoint.total) == "10 fewer MACs"


def test_layers_of_which_the_same_is_said_are_together(separable):
    given = [replace(separable, path=path) for path in ("a", "b")] + [
        replace(separable, path="c", saved=Saving(1, 1)),
        replace(separable, path="d", rule="SEP102"),
        replace(separable, path="e", line=99),
        replace(separable, path="f", notes=("another",)),
    ]
    assert ["".join(advice.path for advice in group) for group in suggestions.alike(given)] == ["abe", "c", "d", "f"]


def test_layers_with_other_neighbours_are_alike(separable):
    first, second = (replace(separable, path=path, not_beside=(beside,)) for path, beside in (("a", "b"), ("c", "d")))
    assert [len(group) for group in suggestions.alike([first, second])] == [2]


def test_what_holds_at_this_input_size_only_says_so_in_the_opening_line(advised):
    cut = PlannedChange("PAD301", "padding-only-taps", "aspp.3", "")
    merged = PlannedChange("PTW301", "collapsible-pointwise", "a", "")
    told = [
        suggestions.what_to_do(replace(advised, plan=(PlanStep("free", changes, Saving(8, 8)),)))[0]
        for changes in ((merged, cut), (merged,))
    ]
    assert told[0].endswith("the output stays as it is at this input size")
    assert told[1].endswith("the output stays as it is")


class Block(nn.Module):
    """Sums two branches, as RepVGG does; its convolution and normalization are alike in every stage."""

    def __init__(self):
        super().__init__()
        self.wide, self.wide_norm = nn.Conv2d(16, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16)
        self.point, self.norm = nn.Conv2d(16, 16, 1, bias=False), nn.BatchNorm2d(16)
        self.after, self.after_norm = nn.Conv2d(16, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16)

    def forward(self, x):
        return self.after_norm(self.after(self.wide_norm(self.wide(x)) + self.norm(self.point(x))))


def test_changes_of_several_layers_are_alike_where_they_are_in_blocks():
    """Their code names each layer by its path in the model."""
    model = nn.Sequential(*(nn.Sequential(Block(), nn.ReLU()) for _ in range(3))).eval()
    found = [item for item in analyzer.analyze(model, torch.zeros(1, 16, 8, 8)).advice if item.rule == "BNM302"]
    assert len(found) == 3 * len({item.path.rpartition(".")[2] for item in found})
    assert [len(group) for group in alike(found)] == [3] * (len(found) // 3)


class Merging(nn.Module):
    """One convolution and one pointwise one added up, as in RepVGG."""

    def __init__(self):
        super().__init__()
        self.wide, self.point, self.act = nn.Conv2d(16, 16, 3, padding=1), nn.Conv2d(16, 16, 1), nn.ReLU()

    def forward(self, x):
        return self.act(self.wide(x) + self.point(x))


def test_modules_that_are_replaced_as_a_whole_are_alike():
    model = nn.Sequential(*(Merging() for _ in range(3))).eval()
    found = [item for item in analyzer.analyze(model, torch.zeros(1, 16, 8, 8)).advice if item.rule == "PAR301"]
    assert [len(group) for group in alike(found)] == [3]
