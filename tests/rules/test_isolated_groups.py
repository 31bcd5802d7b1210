from analyzer.formats.wording.rule_words import words
from analyzer.rules.isolated_groups import observe
from analyzer.values.facts import Isolation


def test_grouped_layers_that_meet_are_left_alone(layer, model):
    assert list(observe(model(layer("a", groups=4), layer("b", groups=4)))) == []


def test_the_second_of_two_is_named_with_the_first(layer, model):
    facts = model(layer("a", groups=4), layer("b", groups=4), isolations=(Isolation("a", "b", 4),))
    (finding,) = observe(facts)
    assert finding.path == "b"
    assert words(finding.current) == "reads the groups of a as they are: 4 networks that never meet"
    assert "nn.ChannelShuffle" in words(finding.notes[0])


def test_each_pair_is_a_finding(layer, model):
    pairs = (Isolation("a", "b", 4), Isolation("b", "c", 2))
    assert [finding.path for finding in observe(model(layer("a"), isolations=pairs))] == ["b", "c"]
