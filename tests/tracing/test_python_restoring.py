"""Every kind of object is given back its very items, and one that has them still is not touched."""

from collections import OrderedDict, deque
from functools import lru_cache
from types import SimpleNamespace

import pytest
import torch

from analyzer.tracing import python_restoring as restoring


class Shouting(dict):
    """Refuses to be read or written by its own methods."""

    def __getitem__(self, key):
        raise AssertionError

    __setitem__ = __iter__ = items = keys = values = clear = __getitem__


@pytest.mark.parametrize("kind", [dict, OrderedDict, Shouting])
def test_a_dictionary_has_its_items_in_their_order(kind):
    value = kind(one=1, two=2)
    base = restoring.dict_class(value)
    content = dict(base.items(value))
    base.pop(value, "one")
    base.__setitem__(value, "three", 3)
    restoring.give_back_dict(value, content)
    assert list(base.items(value)) == [("one", 1), ("two", 2)]


def test_a_namespace_keeps_what_was_imported_meanwhile():
    names = {"kept": 1, "changed": 2}
    content = dict(names)
    names.update(changed=3, added=4, imported=torch)
    restoring.give_back_namespace(names, content)
    assert names == {"kept": 1, "changed": 2, "imported": torch}


@pytest.mark.parametrize("kind", [list, deque])
def test_a_list_has_its_items(kind):
    value = kind([1, 2])
    value.append(3)
    restoring.give_back_list(value, (1, 2))
    assert value == kind([1, 2])


def test_a_set_has_its_items():
    value = {1, 2, 3}
    restoring.give_back_set(value, frozenset({1, 2}))
    assert value == {1, 2}


def test_a_closure_has_its_variable():
    held = 1

    def read():
        return held

    (cell,) = read.__closure__
    cell.cell_contents = 2
    restoring.give_back_cell(cell, 1)
    assert read() == 1


def test_slots_and_classes_have_their_attributes():
    class Slotted:
        __slots__ = ("a",)
        shared = 1

    value = Slotted()
    value.a = 2
    restoring.give_back_slots(value, {"a": 1})
    content = dict(vars(Slotted))
    Slotted.shared, Slotted.new = 2, 3
    restoring.give_back_class(Slotted, content)
    assert (value.a, Slotted.shared, hasattr(Slotted, "new")) == (1, 1, False)


def test_a_cache_that_was_empty_or_holds_a_trace_is_emptied():
    @lru_cache
    def made(device):
        return torch.ones(2, device=device)

    before = made.cache_info()
    made("cpu")
    full = made.cache_info()
    restoring.give_back_cache(made, full)
    assert made.cache_info().currsize == 1
    made("meta")
    restoring.give_back_cache(made, full)
    assert made.cache_info().currsize == 0
    made("cpu")
    restoring.give_back_cache(made, before)
    assert made.cache_info().currsize == 0


@pytest.mark.parametrize(
    ("value", "same", "other"),
    [
        ([1, 2], (1, 2), (1, 3)),
        ({"a": 1}, {"a": 1}, {"a": 2}),
        (SimpleNamespace(a=1), {"a": 1}, {"a": 2}),
        (frozenset({1}), frozenset({1}), frozenset({2})),
    ],
)
def test_what_is_unchanged_is_known_where_its_kind_is(value, same, other):
    assert restoring.is_unchanged(value, same) is not isinstance(value, frozenset)
    assert not restoring.is_unchanged(value, other)
