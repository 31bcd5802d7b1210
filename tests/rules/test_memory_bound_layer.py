import pytest

from analyzer.formats.wording.rule_words import words
from analyzer.rules.memory_bound_layer import observe

LEFT_ALONE = {
    "compute-bound": {"bound": "compute"},
    "work that does not matter": {"bound": "memory", "share_of_macs": 0.0199},
}


@pytest.mark.parametrize("given", LEFT_ALONE.values(), ids=LEFT_ALONE.keys())
def test_left_alone(layer, model, given):
    assert list(observe(model(layer(**given), params=1, macs=1))) == []


@pytest.mark.parametrize(("device", "on"), [("a100-fp16", " on a100-fp16"), ("", "")])
def test_the_device_and_the_share_are_named(layer, model, device, on):
    facts = model(layer(bound="memory", share_of_macs=0.02), params=1, macs=1, device=device)
    (finding,) = observe(facts)
    assert words(finding.current) == f"memory-bound{on}, with 2.0 % of the MACs: saving MACs will not save time"
