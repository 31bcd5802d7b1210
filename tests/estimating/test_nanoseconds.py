"""Whole nanoseconds: what the parts of a model save is what the whole saves."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from analyzer.estimating.nanoseconds import clock
from analyzer.values.convolution import Proposal
from analyzer.values.devices import device_for


def test_fewer_groups_save_time_and_no_change_saves_none(layer: Callable[..., Any], model: Callable[..., Any]) -> None:
    wide = layer("conv", in_channels=256, out_channels=256)
    _, saves = clock(model(wide), device_for())
    same = Proposal((("conv", (wide.convolution,)),))
    assert saves(same) == 0
    assert saves(Proposal((("conv", (replace(wide.convolution, groups=4),)),))) > 0
