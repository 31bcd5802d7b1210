"""What is chosen together is sound, keeps normalization where it asks for training, and saves for little harm."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from torchvision.models import resnet18, vgg11_bn, vgg16
from torchvision.models.video import r3d_18

from analyzer.advising import advise, best_per_layer, ordered
from analyzer.advising.choosing import plan, together
from analyzer.advising.ranking import worth
from analyzer.analysis import study
from analyzer.formats.wording.rule_words import choice_words
from analyzer.loading import from_module
from analyzer.rules import selected
from analyzer.values.advice import Saving
from analyzer.values.facts import Norm, RemovableModule


def loaded(module: nn.Module, *shape: int):
    return from_module(module.eval().to("meta"), (torch.empty(shape, device="meta"),), {})


def told(item, **changes):
    return replace(item, advice=replace(item.advice, **changes))


def test_a_plan_that_asks_for_training_keeps_every_normalization():
    model = study(loaded(vgg11_bn(), 1, 3, 224, 224)).model
    assert model is not None
    assert {step.step for step in model.plan} >= {"retrain", "inference"}
    assert not any(item.advice.inference_only for item in model.best)
    for step in model.plan:
        assert all(change.rule == "BNM302" for change in step.changes) is (step.step == "inference")


def test_what_is_estimated_to_be_slower_comes_last_and_is_in_no_plan(layer, model):
    facts = model(layer("a", padding=1), layer("b", padding=1))
    first, second = (replace(item, others=()) for item in advise(facts, rules=selected(("LOW101",))))
    slower = told(first, time_ratio=1.1)
    assert ordered([slower, second], facts) == (second, slower)
    assert best_per_layer([slower, second], facts) == (second,)
    as_fast = told(first, time_ratio=1.01)
    assert best_per_layer([as_fast, second], facts) == (as_fast, second)


def test_saving_for_harm_with_the_evidence_there_is(layer, model):
    facts = model(layer("a", padding=1), layer("b", padding=1))
    large, small = advise(facts, rules=selected(("SEP101", "LOW101")))[::2]
    assert worth(large.advice, facts) > worth(small.advice, facts)
    lost, kept = told(large, kept=0.2, path="a"), told(small, kept=0.98, path="b")
    assert worth(kept.advice, facts) > worth(lost.advice, facts)
    assert ordered([lost, kept], facts)[0] is kept


def test_a_plan_takes_nothing_that_is_known_to_lose_most_of_a_layer(layer, model):
    (item,) = advise(model(layer(padding=1)), rules=selected(("SEP101",)))
    assert best_per_layer([told(item, kept=0.49)], model(layer(padding=1))) == ()
    assert len(best_per_layer([told(item, kept=0.51)], model(layer(padding=1)))) == 1


def test_an_alternative_is_planned_where_it_saves_more_for_its_harm(layer, model):
    facts = model(layer(padding=1))
    (item,) = advise(facts, rules=selected(("GRP101",)))
    mild = tuple(told(other, kept=0.9) for other in item.others)
    (chosen,) = best_per_layer([replace(told(item, kept=0.55), others=mild)], facts)
    assert choice_words(chosen.proposal.choice) == "2 groups"


@pytest.mark.parametrize("known", ["kept", "harm"])
def test_a_plan_takes_what_saves_as_much_for_less_harm_in_all(layer, model, known):
    """By worth alone the first three are taken, though another change of one layer does with the second as much."""
    facts = model(*(layer(path, padding=1) for path in "abc"))
    found = [replace(item, others=()) for item in advise(facts, rules=selected(("GRP101", "LOW101")))]
    whole = Saving(facts.params, facts.macs)
    wanted = {("GRP101", "a"): (0.30, 0.1), ("LOW101", "a"): (0.45, 0.25), ("LOW101", "b"): (0.11, 0.05)}
    wanted |= {("LOW101", "c"): (0.20, 0.14)}

    def options():
        for item in found:
            if (item.advice.rule, item.advice.path) in wanted:
                share, harm = wanted[item.advice.rule, item.advice.path]
                saved = Saving(int(share * whole.params), int(share * whole.macs))
                yield told(item, saved=saved, **({"kept": 1 - harm} if known == "kept" else {"harm": harm}))

    chosen = best_per_layer(list(options()), facts)
    assert {(item.advice.rule, item.advice.path) for item in chosen} == {("LOW101", "a"), ("LOW101", "b")}


def test_free_changes_come_before_restructurings_of_their_layers(layer, model):
    """Three linear 1×1 in a row: collapsing them is exact and saves more than groups do."""
    first = layer("a", kernel=1, out_channels=256, follower="b", readers=("b",))
    second = layer("b", kernel=1, in_channels=256, sources=("a",))
    facts = model(first, second)
    found = advise(facts, rules=selected(("PTW301", "GRP101")))
    assert found[0].advice.rule == "PTW301"
    assert [item.advice.rule for item in best_per_layer(found, facts)] == ["PTW301"]
    (step,) = plan(best_per_layer(found, facts), found)
    assert (step.step, step.saved) == ("free", found[0].advice.saved)


def test_a_bias_that_saves_no_work_yields_to_a_restructuring_of_its_layer(layer, model):
    facts = model(layer(bias=True, padding=1, norm="norm"), norms=(Norm("norm", 64, 128, "conv"),))
    found = advise(facts, rules=selected(("BNM301", "LOW101")))
    assert found[0].advice.rule == "BNM301"
    assert [item.advice.rule for item in best_per_layer(found, facts)] == ["LOW101"]


def test_the_steps_of_a_plan_save_what_their_changes_do(layer, model):
    facts = model(layer("a", padding=1), layer("b", padding=1, norm="n"), norms=(Norm("n", 64, 128, "b"),))
    found = [replace(item, others=()) for item in advise(facts, rules=selected(("LOW101", "BNM302")))]
    steps = plan(best_per_layer(found, facts), found)
    assert [step.step for step in steps] == ["retrain", "inference"]
    assert [change.path for change in steps[0].changes] == ["a", "b"]
    each = 64 * 64 * 9 - 48 * 3 * (64 + 64)
    assert steps[0].saved == Saving(2 * each, each * (32 * 32 + 32 * 32))
    assert steps[1].saved == Saving(128 - 64, 0)
    assert steps[0].least_kept is None


UNWEIGHTED = {
    "all of it without": (None, None, "2 groups"),
    "with the energy that is kept": (0.99, None, "4 groups"),
    "with the harm that was measured": (None, 0.0, "4 groups"),
}


@pytest.mark.parametrize(("kept", "harm", "label"), UNWEIGHTED.values(), ids=UNWEIGHTED.keys())
def test_without_weights_about_half_of_a_layer_stays(layer, model, kept, harm, label):
    facts = model(layer(padding=1))
    (item,) = advise(facts, rules=selected(("GRP101",)))
    (chosen,) = best_per_layer([told(item, kept=kept, harm=harm)], facts)
    assert choice_words(chosen.proposal.choice) == label


def test_what_is_known_of_no_weights_and_takes_most_of_a_layer_is_in_no_plan(layer, model):
    facts = model(layer(padding=1))
    (item,) = advise(facts, rules=selected(("SEP101",)))
    assert best_per_layer([replace(item, others=())], facts) == ()


def test_a_plan_ends_where_half_of_the_model_is_saved(layer, model):
    """Of each of four layers 1 - 1 / 64 - 1 / 9 = 0.87: two make 0.44 of the model, three 0.65."""
    facts = model(*(layer(name, padding=1) for name in "abcd"))
    found = [told(replace(item, others=()), kept=0.9) for item in advise(facts, rules=selected(("SEP101",)))]
    assert len(found) == 4
    assert len(best_per_layer(found, facts)) == 3
    assert len(together(found)) == 4


@pytest.mark.parametrize("make", [resnet18, r3d_18, vgg16])
def test_a_plan_without_weights_is_modest(make):
    shape = (1, 3, 8, 64, 64) if make is r3d_18 else (1, 3, 224, 224)
    found = study(loaded(make(), *shape)).analysis
    (step,) = (step for step in found.plan if step.step == "retrain")
    assert 0.4 < step.saved.macs / found.total.macs < 0.56
    assert 0 < step.saved.params / found.total.params < 0.56


@pytest.mark.parametrize("rules", [("GRP101",), ("DIL101",)])
def test_of_neighbours_one_is_changed_whoever_asks(layer, model, rules):
    kernel = {"kernel": 7, "padding": 3} if rules == ("DIL101",) else {"padding": 1}
    chain = [layer("a", readers=("b",), **kernel), layer("b", sources=("a",), **kernel)]
    found = advise(model(*chain), rules=selected(rules))
    grouped = [replace(item, advice=replace(item.advice, not_beside=item.advice.not_beside)) for item in found]
    assert len(grouped) > 0
    assert len(together(grouped)) == 1


class Behind(nn.Module):
    """Two dense layers with a depthwise one between: neighbours of neighbours."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 64, 3, padding=1)
        self.a, self.b = nn.Conv2d(64, 64, 3, padding=1), nn.Conv2d(64, 64, 3, padding=1)
        self.between = nn.Conv2d(64, 64, 3, padding=1, groups=64)
        self.head = nn.Conv2d(64, 10, 1)

    def forward(self, x):
        return self.head(self.b(self.between(self.a(self.stem(x).relu()).relu()).relu()).relu())


@pytest.mark.parametrize(("make", "size"), [(vgg16, 224), (Behind, 16)])
def test_the_rewritten_model_has_no_isolated_groups(make, size):
    """What GRP201 warns of never comes of applying the advice: of VGG-16's twelve layers 11 pairs would be isolated."""
    from analyzer.advising.selection import applied

    model = study(loaded(make(), 1, 3, size, size)).model
    assert model is not None
    everything = [item for item in model.advised if item.advice.rule == "GRP101"]
    chosen = applied(model, ["GRP101"])
    assert 0 < len(chosen.chosen) < len(everything)
    for applying in (chosen, applied(model, [])):
        advice = study(applying.rewritten).analysis.advice
        assert [item.path for item in advice if item.rule == "GRP201"] == []
    assert {item.advice.path for item in chosen.left_out} | {item.advice.path for item in chosen.chosen} == {
        item.advice.path for item in everything
    }


class TwoBranches(nn.Module):
    """Branches that are merged once training is over, as in RepVGG, and a layer that is worth a restructuring."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 64, 3, padding=1)
        self.block = Block()
        self.last = nn.Conv2d(64, 64, 3, padding=1)
        self.head = nn.Conv2d(64, 10, 1)

    def forward(self, x):
        return self.head(self.last(self.block(self.stem(x).relu()).relu()).relu())


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Sequential(nn.Conv2d(64, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64))
        self.b = nn.Sequential(nn.Conv2d(64, 64, 1, bias=False), nn.BatchNorm2d(64))

    def forward(self, x):
        return self.a(x) + self.b(x)


def test_whatever_rule_removes_a_normalization_it_is_for_inference():
    model = study(loaded(TwoBranches(), 1, 3, 16, 16)).model
    assert model is not None
    norms = {norm.path for norm in model.facts.norms}
    assert len(norms) == 2
    for item in model.advised:
        if item.proposal is not None and item.advice.effort == "none":
            gone = {path for path, _ in item.proposal.replacements}
            takes = any(norm in gone or any(norm.startswith(f"{path}.") for path in gone) for norm in norms)
            assert item.advice.inference_only is takes
    assert not any(item.advice.inference_only for item in model.best)


@pytest.mark.parametrize(("path", "beside"), [("a.conv", False), ("a", False), ("b.conv", True), ("ab", True)])
def test_nothing_is_changed_within_what_another_one_removes(layer, model, path, beside):
    plain = layer(path, kernel=7, padding=3)
    with_module = model(plain, removable=(RemovableModule("a", "Sequential", 9, 9, True),))
    offered = advise(with_module, rules=selected(["RUN301", "LOW101"]))
    assert {item.advice.rule for item in offered} == ({"RUN301", "LOW101"} if beside else {"RUN301"})
    removed = next(item for item in offered if item.advice.rule == "RUN301")
    (changed,) = advise(model(plain), rules=selected(["LOW101"]))
    for order in ([removed, changed], [changed, removed]):
        assert len(together(order)) == (2 if beside else 1)
