"""One table of operator classes: the same operators are views to the formulas and to the data flow."""

import pytest
import torch

from analyzer.formulas import kind_of
from analyzer.values.graph import Op
from analyzer.values.operator_classes import CUTS, SHUFFLES, TURNS, UNMOVED, VIEWS, is_view, moves_nothing


def op(packet, *tags):
    return Op(f"{packet}.default", {}, (), tags=frozenset(tags))


@pytest.mark.parametrize("packet", sorted(UNMOVED | SHUFFLES))
def test_names_are_torchs_own(packet):
    assert hasattr(torch.ops.aten, packet.removeprefix("aten."))


@pytest.mark.parametrize("packet", sorted(UNMOVED))
def test_views_cost_nothing_without_torchs_tag(packet):
    assert is_view(op(packet))
    assert moves_nothing(op(packet))
    assert kind_of(op(packet)) == "free"


@pytest.mark.parametrize("packet", ["mylib.window", "aten.real"])
def test_torchs_tag_tells_views_that_no_table_names(packet):
    assert is_view(op(packet, "view"))


@pytest.mark.parametrize(
    "packet", ["aten.clone", "aten.cat", "aten.channel_shuffle", "aten.narrow_copy", "aten.repeat"]
)
def test_copies_are_no_views(packet):
    assert not is_view(op(packet))
    assert not moves_nothing(op(packet))


@pytest.mark.parametrize("packet", ["aten.empty", "aten.empty_like"])
def test_memory_without_contents_is_no_view_but_moves_nothing(packet):
    assert not is_view(op(packet))
    assert moves_nothing(op(packet))


def test_reshapes_cuts_and_turns_are_apart():
    assert not VIEWS & CUTS
    assert not VIEWS & TURNS
    assert not CUTS & TURNS
