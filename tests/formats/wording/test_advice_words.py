"""Advice as an analysis has it: layers as code, notes and evidence in words."""

from analyzer.advising import advise
from analyzer.formats.wording.advice_words import worded, worded_plan
from analyzer.rules import selected
from analyzer.values.advice import PlannedChange, PlanStep, Saving
from analyzer.values.facts import Norm, Restoration


def only(code, facts):
    return [worded(each) for each in advise(facts, rules=selected((code,)))]


def test_several_layers_are_told_apart_by_their_paths(layer, model):
    first = layer("a", kernel=1, out_channels=256, follower="b")
    (advice,) = only("PTW301", model(first, layer("b", kernel=1, in_channels=256)))
    assert advice.current == ("a = nn.Conv2d(64, 256, 1, bias=False); b = nn.Conv2d(256, 64, 1, bias=False)")
    assert advice.proposed == "a = nn.Conv2d(64, 64, 1, bias=False); b = nn.Identity()"


def test_a_layer_that_stays_is_not_shown(layer, model):
    facts = model(layer(bias=True, norm="norm"), norms=(Norm("norm", 64, 128, "conv"),))
    (advice,) = only("BNM301", facts)
    assert (advice.current, advice.proposed) == ("nn.Conv2d(64, 64, 3)", "nn.Conv2d(64, 64, 3, bias=False)")


def test_a_layer_beside_the_one_spoken_of_is_named(layer, model):
    facts = model(layer(bias=True, norm="norm"), norms=(Norm("norm", 64, 128, "conv"),))
    (advice,) = only("BNM302", facts)
    assert (advice.path, advice.current, advice.proposed) == (
        "conv",
        "norm = nn.BatchNorm2d(64)",
        "norm = nn.Identity()",
    )


def test_of_many_layers_the_first_are_shown(layer, model):
    names = tuple(f"mid{n}" for n in range(4))
    layers = [layer(name, padding=1, input_size=16) for name in names]
    restored = Restoration("down", "", 2, names)
    facts = model(layer("down", stride=2, padding=1), *layers, restorations=(restored,))
    (advice,) = only("DIL102", facts)
    assert advice.current.count("nn.Conv2d") == 3
    assert advice.current.endswith("; and 2 more layers")


def test_notes_and_alternatives_are_in_words(layer, model):
    (advice,) = only("LOW101", model(layer(padding=1)))
    assert advice.notes == ("rank 48: below 96 it saves weights and MACs, from 192 on it is exact",)
    (other,) = advice.alternatives
    assert other.label == "channel, ranks 32 and 32"
    assert other.notes == ("ranks 32 and 32: below 58 and 58 they save weights and MACs",)
    assert advice.evidence is None


def test_a_fact_is_a_sentence(layer, model):
    (advice,) = only("PTW201", model(layer("a", kernel=1, stride=2, input_size=14)))
    assert (advice.current, advice.proposed) == ("reads 25.0 % of its input", None)


def test_the_plan_shows_the_alternative_that_is_planned(layer, model):
    (item,) = advise(model(layer(padding=1)), rules=selected(("GRP101",)))
    step = PlanStep("retrain", (PlannedChange("GRP101", "grouped-convolution", "conv", ""),), Saving(1, 1))
    (own,), (other,) = (worded_plan([step], found)[0].changes for found in ([item], [item, *item.others]))
    assert own.proposed == "nn.Conv2d(64, 64, 3, padding=1, groups=4, bias=False)"
    assert other.proposed == "nn.Conv2d(64, 64, 3, padding=1, groups=2, bias=False)"
