"""Patterns cover a layer with all below it, and nothing whose name merely begins alike."""

import pytest

from analyzer.values.layer_patterns import covered, covers, holders, lineage, nearest

PATHS = ("", "backbone", "backbone.stem", "backbone.stem.conv", "backbone2", "head")


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*", PATHS),
        ("backbone.*", ("backbone", "backbone.stem", "backbone.stem.conv")),
        ("backbone", ("backbone", "backbone.stem", "backbone.stem.conv")),
        ("backbone*", ("backbone", "backbone.stem", "backbone.stem.conv", "backbone2")),
        ("*.conv", ("backbone.stem.conv",)),
        ("backbone.stem", ("backbone.stem", "backbone.stem.conv")),
        ("[bh]*d", ("head",)),
        ("Backbone", ()),
        ("stem", ()),
        ("", ()),
    ],
)
def test_what_a_pattern_covers(pattern: str, expected: tuple[str, ...]) -> None:
    assert tuple(path for path in PATHS if covers(pattern, path)) == expected


def test_covered_by_any() -> None:
    assert covered(("head", "stem"), "head")
    assert not covered((), "head")


def test_the_layers_above() -> None:
    assert list(lineage("a.b.c")) == ["a", "a.b", "a.b.c"]
    assert list(lineage("")) == []


def test_the_modules_that_hold_a_layer_end_with_the_model_itself():
    assert list(holders("a.b.c")) == ["a.b", "a", ""]
    assert list(holders("a")) == [""]
    assert list(holders("")) == []


def test_the_nearest_names() -> None:
    assert nearest("backbon.*", PATHS)[0] == "backbone"
    assert nearest("xyz", PATHS) == ["backbone", "backbone2", "head"]
    assert nearest("xyz", ()) == []
