"""Numbers of the gate as rows, and what grew most in the number that decided."""

from dataclasses import replace

import pytest

from analyzer.formats.wording.limit_rows import grown, limit_rows, what_happened
from analyzer.values.counts import Layer
from analyzer.values.gate_results import LayerChange


def test_what_has_no_limit_has_a_row_as_well(gated, exceeded):
    (macs, params) = limit_rows(replace(gated, budget=(exceeded,)))
    assert (macs.title, macs.base, macs.now, macs.limit, macs.headroom) == ("MACs", "32.77 k", "37.89 k", "", "")
    assert (params.icon, params.budget, params.limit, params.headroom) == ("❌", "mobile", "10.00 k", "-714")


def test_what_grew_is_by_the_number_that_decided(gated, exceeded):
    conv = LayerChange("conv", "added", None, Layer("conv", "Conv2d", params=1, macs=9_000))
    given = replace(gated, difference=replace(gated.difference, layers=(*gated.difference.layers, conv)))
    assert [(item.path, amount) for item, amount in grown(given)] == [
        ("head", "+5,120 parameters"),
        ("conv", "+1 parameters"),
    ]
    over_macs = replace(given, budget=(replace(exceeded, metric="macs", value=37_888, limit=30_000),))
    assert [(item.path, amount) for item, amount in grown(over_macs)] == [
        ("conv", "+9,000 MACs"),
        ("head", "+5,120 MACs"),
    ]
    assert list(grown(replace(given, difference=None))) == []


@pytest.mark.parametrize(
    ("item", "words"),
    [
        (LayerChange("a", "added", None, Layer("a", "Conv2d")), "added Conv2d"),
        (
            LayerChange("a", "moved", Layer("b", "X"), Layer("a", "X"), "b", below=2),
            "moved from b; with 2 layers below it",
        ),
        (LayerChange("a", "changed", Layer("a", "X"), Layer("a", "X")), "changed"),
    ],
)
def test_what_happened(item, words):
    assert what_happened(item) == words
