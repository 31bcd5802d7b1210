"""Values: in-place results are new ones, parts of a split differ, parameters do not depend on the input."""

import torch
from torch import nn

from analyzer.dataflow.flow import Flow


class Made(nn.Module):
    def __init__(self, forward):
        super().__init__()
        self.made = forward
        self.weight = nn.Parameter(torch.ones(4))

    def forward(self, x):
        return self.made(self.weight, x)


def test_an_in_place_result_is_a_new_value(traced):
    flow = Flow(traced(Made(lambda w, x: (x * 2).relu_() + 1), (2, 4)))
    double, relu, more = flow.trace.ops
    assert flow.reads[relu][0] == flow.writes[double][0] != flow.writes[relu][0] == flow.reads[more][0]
    assert flow.sole_reader(flow.writes[double][0]) is relu


def test_equal_parts_of_a_split_are_told_apart(traced):
    def swapped(w, x):
        one, two = x.split(2, 1)
        return torch.cat([two, one], 1)

    flow = Flow(traced(Made(swapped), (2, 4)))
    split, cat = flow.trace.ops
    assert flow.reads[cat] == flow.writes[split][::-1]


def test_what_depends_on_the_input(traced):
    flow = Flow(traced(Made(lambda w, x: x + w * 2), (2, 4)))
    scaled, added = flow.trace.ops
    assert flow.operands(scaled) == ()
    assert flow.operands(added) == (flow.reads[added][0],)


def test_what_is_returned_has_no_sole_reader(traced):
    flow = Flow(traced(Made(lambda w, x: {"one": (y := x * 2), "two": [y + 1]}), (2, 4)))
    double, more = flow.trace.ops
    assert flow.returned == {flow.writes[double][0], flow.writes[more][0]}
    assert flow.sole_reader(flow.writes[double][0]) is None
