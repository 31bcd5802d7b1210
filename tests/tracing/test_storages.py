"""Views share the memory of what they are views of; memory is let go when its last tensor is."""

import torch

from analyzer.tracing.storages import Storages
from analyzer.values.graph import Allocation, Op


def op(name="aten.add.Tensor"):
    return Op(name, {}, ())


def test_a_view_lies_in_the_memory_of_its_source_and_other_results_do_not():
    storages, x = Storages({}), torch.ones(4, 4)
    view, new = x[1:], x + 1
    storages.add_results([view, new], [x])
    assert storages.known(view).storage == storages.known(x).storage
    assert storages.known(new).storage != storages.known(x).storage
    assert len({storages.known(tensor).number for tensor in (x, view, new)}) == 3


def test_memory_is_held_from_the_operator_that_made_it_to_the_last_that_needed_it():
    storages, x = Storages({}), torch.ones(4)
    y = x + 1
    storages.add_results([y], [x])
    storages.add_op(op(), [y], [])
    assert storages.allocations == (Allocation(4 * 4, 0),)
    storages.add_op(op(), [], [])
    del y
    assert storages.allocations == (Allocation(4 * 4, 0, 1),)


def test_weights_are_named_and_what_nothing_names_is_noted():
    weight, other = torch.ones(2), torch.ones(3)
    storages = Storages({id(weight): "fc.weight"})
    assert storages.weight(storages.known(weight).storage) == "fc.weight"
    assert storages.weight(storages.known(other).storage) is None
    assert [tensor is other for tensor in storages.unknown.values()] == [True]


def test_who_made_a_tensor_and_who_wrote_into_its_memory_later():
    storages, x = Storages({}), torch.ones(4)
    y = x + 1
    made, written = op(), op("aten.add_.Tensor")
    storages.add_results([y], [x])
    storages.add_op(made, [y], [])
    assert storages.producers([y]) == [made]
    storages.add_op(written, [], [y])
    assert storages.producers([y]) == [made, written]
    assert (storages.has_made(y), storages.has_made(x)) == (True, False)
