"""Settings become arguments of the type that the builder's signature names."""

import pytest

from analyzer.loading.python.builder_arguments import bound, literal, missing
from analyzer.values.errors import Problem


def build(depth: int, name: str = "a", rate=0.5, wide=False, size=(1, 2), kind=None, *, scale: "float" = 1.0):
    return depth, name, rate, wide, size, kind, scale


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("depth", "3", 3),
        ("depth", "-3", -3),
        ("name", "3", "3"),
        ("name", "None", "None"),
        ("rate", "1", 1.0),
        ("rate", "1e-3", 0.001),
        ("wide", "True", True),
        ("wide", "no", False),
        ("size", "(3, 4)", (3, 4)),
        ("size", "[3, 4]", [3, 4]),
        ("kind", "None", None),
        ("kind", "word", "word"),
        ("kind", "__import__('os')", "__import__('os')"),
        ("scale", "2", 2.0),
    ],
)
def test_a_setting_is_typed(name, text, expected):
    value = bound(build, {"depth": "1", name: text}, "build")[name]
    assert (value, type(value)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "build needs depth; give a value with --set depth=VALUE"),
        ({"depth": "1", "x": "1"}, "build has no argument 'x'; it takes depth, name, rate, wide, size, kind, scale"),
        ({"depth": "1.5"}, "build: --set depth=1.5 is not an integer"),
        ({"depth": "True"}, "build: --set depth=True is not an integer"),
        ({"depth": "1", "rate": "fast"}, "build: --set rate=fast is not a number"),
        ({"depth": "1", "wide": "1"}, "build: --set wide=1 is not a truth value; write True or False"),
    ],
)
def test_a_bad_setting_is_told(settings, message):
    with pytest.raises(Problem) as caught:
        bound(build, settings, "build")
    assert str(caught.value) == message


def test_a_builder_of_anything_takes_anything():
    assert bound(lambda **settings: settings, {"a": "1", "b": "x"}, "it") == {"a": 1, "b": "x"}


def test_a_builder_of_nothing_says_so():
    with pytest.raises(Problem, match=r"^it has no argument 'a'; it takes none$"):
        bound(lambda: None, {"a": "1"}, "it")


def test_what_is_missing():
    assert missing(build) == ("depth",)
    assert missing(build, {"depth": "1"}) == ()
    assert missing(lambda *a, **k: None) == ()


@pytest.mark.parametrize(("text", "expected"), [("1", 1), ("'a'", "a"), ("a b", "a b"), ("{'a': 1}", {"a": 1})])
def test_a_literal(text, expected):
    assert literal(text) == expected
