"""A rewritten model is the same where every operator outside of the change is there and reads the same."""

import torch
from torch import nn

from analyzer.dataflow.same_operators import first_difference


class Net(nn.Module):
    """Two layers and what is done between and after them."""

    def __init__(self, middle=nn.Identity, after=torch.relu, bias=False):
        super().__init__()
        self.a, self.middle, self.b, self.after = nn.Conv2d(3, 4, 1, bias=bias), middle(), nn.Conv2d(4, 5, 1), after

    def forward(self, x):
        return self.after(self.b(self.middle(self.a(x))))


SHAPE = (1, 3, 6, 6)


def difference(traced, before, after, *changes):
    return first_difference(traced(before, SHAPE), traced(after, SHAPE), [frozenset(paths) for paths in changes])


def test_the_same_model_has_no_difference(traced):
    assert difference(traced, Net(), Net()) is None


def test_a_layer_in_the_change_may_differ(traced):
    assert difference(traced, Net(), Net(bias=True), {"a"}) is None
    assert difference(traced, Net(), Net(bias=True)) == "a"


def test_an_operator_elsewhere_may_not(traced):
    assert difference(traced, Net(), Net(after=torch.sigmoid), {"a"}) == "the model itself"
    assert difference(traced, Net(), Net(middle=nn.ReLU), {"a"}) == "b"


def test_work_that_no_output_depends_on_does_not_matter(traced):
    class Busy(Net):
        def forward(self, x):
            self.a(x).exp()
            return super().forward(x)

    assert difference(traced, Net(), Busy()) is None


def test_what_reads_the_change_must_go_on_doing_so(traced):
    class Around(Net):
        def forward(self, x):
            self.a(x)
            return self.after(self.b(torch.cat([x, x[:, :1]], 1)))

    assert difference(traced, Net(), Around(), {"a"}) is not None
