import json

import pytest

from analyzer.formats.html.embedding import Strings, known, script_json, short, wire


def test_a_string_is_told_once():
    strings = Strings()
    assert [strings.place(text) for text in ("conv", "norm", "conv", "", None)] == [1, 2, 1, 0, 0]
    assert strings.texts == ["", "conv", "norm"]


def test_signs_that_turn_the_direction_around_are_written_out():
    strings = Strings()
    strings.place("a\u202ecba\n")
    assert strings.texts[1] == "a\\u202ecba\\n"


@pytest.mark.parametrize("value", [0, -5, 2**53 - 1, -(2**53 - 1)])
def test_what_javascript_holds_exactly_stays_a_number(value):
    assert wire(value) == value


@pytest.mark.parametrize("value", [2**53, 2**53 + 1, -(2**60), 10**30])
def test_what_it_would_round_is_text(value):
    assert wire(value) == str(value)


def test_unknown_stays_unknown():
    assert known(None) is None
    assert known(2**60) == str(2**60)


def test_estimates_have_four_digits():
    assert short(0.000123456) == 0.0001235


def test_no_text_ends_the_script_element_around_it():
    text = script_json(["</script><!--", "\u2028"])
    assert "<" not in text
    assert "\u2028" not in text
    assert json.loads(text) == ["</script><!--", "\u2028"]
