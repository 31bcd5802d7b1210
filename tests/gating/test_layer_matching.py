"""Layers find what they were: at their own place, or where their subtree was."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.gating.layer_matching import matched
from analyzer.values.counts import Layer

Tree = Mapping[str, str]
"""Path to settings; the kind is what stands before the first "("."""


def layers(tree: Tree) -> dict[str, Layer]:
    return {
        path: Layer(path, text.partition("(")[0], settings=text if "(" in text else "") for path, text in tree.items()
    }


def block(path: str, width: int, kind: str = "Block") -> Tree:
    return {path: kind, f"{path}.conv": f"Conv2d({width})", f"{path}.norm": f"BatchNorm2d({width})"}


def moves(old: Tree, new: Tree) -> dict[str, str | None]:
    """What is not at its old place: path to where it was, None for what is new."""
    pairs = matched(layers(old), layers(new))
    return {path: pairs.get(path) for path in new if pairs.get(path) != path}


def test_nothing_moves_in_the_same_model() -> None:
    same = {"": "Net", **block("a", 1), **block("b", 1)}
    assert moves(same, same) == {}


def test_a_layer_with_other_settings_stays_itself() -> None:
    assert moves({"": "Net", "a": "Conv2d(1)"}, {"": "Net", "a": "Conv2d(2)"}) == {}
    assert moves({"": "Net", "a": "Conv2d(1)"}, {"": "Net", "a": "Linear(1)"}) == {}


def test_a_renamed_block() -> None:
    old, new = {"": "Net", **block("stem", 1), **block("b", 2)}, {"": "Net", **block("entry", 1), **block("b", 2)}
    assert moves(old, new) == {"entry": "stem", "entry.conv": "stem.conv", "entry.norm": "stem.norm"}


def test_a_renamed_block_that_was_widened_too() -> None:
    old, new = {"": "Net", **block("stem", 1), **block("b", 2)}, {"": "Net", **block("entry", 3), **block("b", 2)}
    assert moves(old, new) == {"entry": "stem", "entry.conv": "stem.conv", "entry.norm": "stem.norm"}


def test_a_renamed_leaf_beside_its_old_place() -> None:
    assert moves({"": "Net", "fc": "Linear(10)"}, {"": "Net", "head": "Linear(20)"}) == {"head": "fc"}


def test_a_block_put_in_front_shifts_the_others() -> None:
    old = {"": "Net", **block("body.0", 1), **block("body.1", 2), **block("body.2", 3)}
    new = {"": "Net", **block("body.0", 9), **block("body.1", 1), **block("body.2", 2), **block("body.3", 3)}
    found = moves(old, new)
    assert {path: was for path, was in found.items() if path.count(".") == 1} == {
        "body.0": None,
        "body.1": "body.0",
        "body.2": "body.1",
        "body.3": "body.2",
    }


def test_a_moved_block_keeps_all_its_layers() -> None:
    old = {
        "": "Net",
        **block("body.0", 1),
        "body.1": "Block",
        "body.1.conv": "Conv2d(2)",
        "body.1.norm": "BatchNorm2d(9)",
    }
    put = {"body.1": "Block", "body.1.conv": "Conv2d(3)", "body.1.norm": "BatchNorm2d(9)"}
    shifted = {path.replace("body.1", "body.2"): text for path, text in old.items() if path.startswith("body.1")}
    found = moves(old, {"": "Net", **block("body.0", 1), **put, **shifted})
    assert found == {
        "body.1": None,
        "body.1.conv": None,
        "body.1.norm": None,
        "body.2": "body.1",
        "body.2.conv": "body.1.conv",
        "body.2.norm": "body.1.norm",
    }


def test_a_block_taken_out_shifts_the_others_back() -> None:
    old = {"": "Net", **block("body.0", 1), **block("body.1", 2), **block("body.2", 3)}
    new = {"": "Net", **block("body.0", 2), **block("body.1", 3)}
    assert moves(old, new)["body.0"] == "body.1"
    assert moves(old, new)["body.1.conv"] == "body.2.conv"


def test_a_block_added_at_the_end() -> None:
    old = {"": "Net", **block("body.0", 1), **block("body.1", 1)}
    assert set(moves(old, {**old, **block("body.2", 1)}).items()) == {
        ("body.2", None),
        ("body.2.conv", None),
        ("body.2.norm", None),
    }


def test_wider_layers_are_not_taken_for_their_successors() -> None:
    old = {"": "Net", **block("a", 1), **block("b", 2), **block("c", 4)}
    new = {"": "Net", **block("a", 2), **block("b", 4), **block("c", 8)}
    assert moves(old, new) == {}


def test_a_model_wrapped_by_another() -> None:
    old, new = {"": "Net", **block("a", 1)}, {"": "Wrapper", "net": "Net", **block("net.a", 1)}
    assert moves(old, new) == {"net": None, "net.a": "a", "net.a.conv": "a.conv", "net.a.norm": "a.norm"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"": "Net", "a": "Conv2d(1)"}, {"": "Net", "b": "Linear(1)"}),
        ({"": "Net", "a": "Conv2d(1)", "b": "Conv2d(1)"}, {"": "Net", "c": "Conv2d(2)", "d": "Conv2d(2)"}),  # which?
        ({"": "Net", "x.a": "Conv2d(1)"}, {"": "Net", "y.b": "Conv2d(2)"}),
        ({}, {"": "Net", "a": "Conv2d(1)"}),
    ],
)
def test_what_has_nothing_in_common_is_new(old: Tree, new: Tree) -> None:
    assert set(moves(old, new).values()) == {None}


PATHS = st.sampled_from(["", "a", "b", "a.x", "a.y", "b.x", "b.y", "c.0", "c.1", "c.2.x"])
TREES = st.dictionaries(PATHS, st.sampled_from(["Block", "Conv2d(1)", "Conv2d(2)", "ReLU()"]))


@given(TREES, TREES)
def test_each_layer_was_at_most_one(old: Tree, new: Tree) -> None:
    pairs = matched(layers(old), layers(new))
    assert len(set(pairs.values())) == len(pairs)
    assert set(pairs) <= set(new)
    assert set(pairs.values()) <= set(old)
    assert set(old) & set(new) - set(pairs) <= {path for path in new if path in pairs.values()}


@given(TREES)
def test_every_layer_of_an_unchanged_model_is_itself(tree: Tree) -> None:
    assert moves(tree, tree) == {}
