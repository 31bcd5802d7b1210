"""Sentences and rows about state and steps, exactly as they stand."""

from dataclasses import replace

from analyzer.formats.wording import step_words
from analyzer.values.estimates import Span
from analyzer.values.steps import ExpertGroup, State, StateSize, StateTensor, StepCost, Steps, TokenParameters

COST = StepCost(
    macs=4_362_076_160,
    flops=8_724_152_320,
    other_flops=12_836_224,
    complete=True,
    param_bytes=2**20,
    state_bytes_before=0,
    state_bytes_after=4096,
    nbytes=2**21,
    intensity=33.615,
    ridge=5.0,
    bound="compute",
    seconds=Span(0.14, 0.36),
)
KEYS = StateTensor("cache.keys", "attention", (1, 2, 8, 64), "float32", 4096, 512)
STATE = State(4096, 4096, 512, (), (KEYS,), (StateSize(8, 4096),))
STEPS = Steps("laptop-core", "float32", 8, 1, STATE, prefill=COST, decode=replace(COST, bound="overhead"))


def said(steps: Steps) -> list[str]:
    return list(step_words.sentences(steps))


def test_state_with_its_growth() -> None:
    (sentence,) = said(STEPS)
    assert (
        sentence
        == "State kept between steps: 4.0 KiB (4,096 B) after 1 sequence of 8 tokens; one more token adds 512 B."
    )


def test_state_that_does_not_grow_and_state_of_which_that_is_not_known() -> None:
    (constant,) = said(replace(STEPS, state=replace(STATE, token_bytes=0)))
    assert constant.endswith("one more token adds nothing.")
    unknown = said(replace(STEPS, decode=None, reason="it fails", state=replace(STATE, token_bytes=None)))
    assert unknown == [
        "State kept between steps: 4.0 KiB (4,096 B) after 1 sequence of 8 tokens.",
        "One more token could not be followed: it fails.",
    ]


def test_growth_that_a_traced_length_contradicts() -> None:
    sizes = (StateSize(8, 4096), StateSize(64, 4096 + 14 * 512))
    _, otherwise = said(replace(STEPS, state=replace(STATE, sizes=sizes)))
    assert otherwise.startswith("At other lengths it does not grow by as much")


def test_windows_and_the_memory_behind_them() -> None:
    tensors = (replace(KEYS, full_at=99, full_bytes=99 * 512), replace(KEYS, path="other"))
    state = replace(STATE, nbytes=8192, memory_bytes=10240, tensors=tensors, sizes=(StateSize(8, 8192),))
    _, full, memory = said(replace(STEPS, state=state))
    assert full == "1 of 2 tensors are full at 99 tokens and grow no further."
    assert (
        memory
        == "Some of these tensors are parts of longer ones: 10.0 KiB of memory is held for them until the next step."
    )


def test_no_state_in_one_sentence() -> None:
    assert said(replace(STEPS, state=None, decode=None, reason="no module keeps one")) == [
        "No state is kept between steps, as far as was seen: no module keeps one."
    ]


def test_experts_of_a_token() -> None:
    groups = (ExpertGroup("up", 8, 2, 100, 100), ExpertGroup("down", 8, 2, 50, 50))
    (_, exact) = said(replace(STEPS, token=TokenParameters(2000, 1100, 1100, groups)))
    assert exact == "A token uses 1,100 of 2,000 parameters: it reaches 2 of 8 experts of a layer."
    (_, spread) = said(replace(STEPS, token=TokenParameters(2000, 1100, 1200, groups)))
    assert spread.startswith("A token uses 1,100 to 1,200 of 2,000 parameters")
    assert len(said(replace(STEPS, token=TokenParameters(2000, 2000, 2000)))) == 1


def test_both_steps_side_by_side() -> None:
    rows = {name: cells for name, *cells in step_words.rows(STEPS)}
    assert rows["MACs"] == ["4.36 G", "4.36 G"]
    assert rows["parameters read"] == ["1.0 MiB", "1.0 MiB"]
    assert rows["bound by"] == ["compute", "calls themselves"]
    assert rows["estimated time"][0] == "140 to 360 ms"
    assert step_words.titles(STEPS) == ("prefill of 8 tokens", "one more token")
    assert step_words.titles(replace(STEPS, state=None))[0] == "one call"
    assert step_words.titles(replace(STEPS, batch=3))[1] == "one more token for each of 3 sequences"


def test_what_was_not_followed_is_empty_and_what_is_incomplete_says_so() -> None:
    rows = {name: cells for name, *cells in step_words.rows(replace(STEPS, decode=None))}
    assert {cells[1] for cells in rows.values()} == {""}
    partly = replace(STEPS, prefill=replace(COST, complete=False))
    assert step_words.rows(partly)[0][1] == "at least 4.36 G"
