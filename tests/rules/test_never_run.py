import pytest

from analyzer.formats.wording.rule_words import words
from analyzer.rules.never_run import observe


@pytest.mark.parametrize("idle", [(), (("empty", 0),)], ids=["all ran", "nothing to run"])
def test_left_alone(layer, model, idle):
    assert list(observe(model(layer(), never_run=idle))) == []


@pytest.mark.parametrize(("params", "text"), [(1, "1 parameter"), (1_234, "1,234 parameters")])
def test_parameters_that_do_nothing(model, params, text):
    (finding,) = observe(model(never_run=(("aux", params),)))
    assert (finding.path, words(finding.current)) == ("aux", f"never called: {text} that this forward does not use")
