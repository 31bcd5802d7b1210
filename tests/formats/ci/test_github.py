from dataclasses import replace

import pytest

from analyzer.formats.ci import github


def commands(text: str) -> list[str]:
    return text.splitlines()


def several(advised, separable, number, **changes):
    advice = tuple(replace(separable, path=f"l{index}", line=index + 1, **changes) for index in range(number))
    return replace(advised, advice=advice)


def test_a_failed_budget_is_an_error_at_the_line_that_did_it(gated):
    assert commands(github.render([gated]))[0] == (
        "::error title=BUDGET-PARAMS params-budget,file=net.py,line=10::net: Parameter budget exceeded: "
        "10.71 k of 10.00 k (+714; this change +5,120). Cheapest fix: "
        "SEP101 depthwise-separable at stem.conv (net.py:8), needs retraining; "
        "saves 357 parameters. "
        "Ask the owners. Grew most: head (input features 512 to 1024)."
    )


def test_an_inherited_excess_is_a_warning_and_advice_a_notice(gated, advised):
    levels = [
        line.split()[0] for line in commands(github.render([replace(gated, advice=advised.advice, difference=None)]))
    ]
    assert levels == ["::error", "::warning", "::notice", "::notice", "::notice"]


def test_nothing_to_say_is_no_command(analysis, unchanged):
    assert github.render([analysis]) == ""
    assert github.render([unchanged]) == ""


@pytest.mark.parametrize(("number", "shown"), [(1, 1), (10, 10), (11, 10), (37, 10)])
def test_a_step_says_at_most_ten_of_a_level(number, shown, advised, separable):
    lines = commands(github.render([several(advised, separable, number)]))
    assert len(lines) == shown
    assert ("Showing" in lines[-1]) == (number > 10)
    assert not any("Showing" in line for line in lines[:-1])


def test_the_last_of_a_level_says_how_many_there_are(advised, separable):
    assert commands(github.render([several(advised, separable, 11)]))[-1].endswith(
        "memory-bound on laptop. (Showing 10 of 11 of this level.)"
    )


def test_each_level_has_its_own_ten_and_all_models_share_them(advised, separable):
    warned = several(advised, separable, 12, level="warning")
    noted = several(advised, separable, 8)
    lines = commands(github.render([noted, warned, noted]))
    assert [sum(line.startswith(f"::{level} ") for line in lines) for level in ("warning", "notice")] == [10, 8]


def test_layers_built_at_one_line_are_one_annotation(advised, separable):
    alike = tuple(replace(separable, path=f"blocks.{index}.conv") for index in range(4))
    lines = commands(github.render([replace(advised, advice=alike)]))
    assert len(lines) == 1
    assert "::blocks.0.conv: " in lines[0]
    assert lines[0].endswith("laptop. (And 3 other layers built at this line.)")


def test_two_limits_broken_at_one_line_are_two_annotations(gated, exceeded):
    both = (exceeded, replace(exceeded, match="head"))
    assert len(commands(github.render([replace(gated, budget=both)]))) == 2


def test_what_would_end_a_command_is_escaped(advised, separable):
    odd = replace(separable, name="a,b:c%d", file="a,b:c d/é%.py", current="50 %\r\n::error::x", notes=())
    text = github.render([replace(advised, advice=(odd,))])
    assert text.count("\n") == 1
    assert text.startswith(
        "::notice title=SEP101 a%2Cb%3Ac%25d,file=a%2Cb%3Ac d/é%25.py,line=8::stem.conv: 50 %25%0D%0A"
    )


def test_a_model_without_a_file_is_annotated_without_one(gated):
    homeless = replace(gated, difference=None, model=replace(gated.model, file=None, line=None))
    assert commands(github.render([homeless]))[0].startswith("::error title=BUDGET-PARAMS params-budget::net: ")


def test_files_are_named_from_the_root_of_the_repository(advised):
    assert ",file=models/net.py,line=8::" in github.render([advised], folder="models")
