"""What was applied is told a change a sentence, and not more than fits."""

from dataclasses import replace

from analyzer.formats.markdown import report
from analyzer.formats.terminal import summary
from analyzer.formats.wording.rewriting_wording import UNSOUND, headline, lines
from analyzer.values.advice import AppliedChange, CalibrationError, Rewriting

CARRIED = AppliedChange("SEP101", "depthwise-separable", "a", 0.6831)
EXACT = AppliedChange("BNM302", "foldable-batchnorm", "b", 3e-7)
FRESH = AppliedChange("DIL102", "dilate-instead-of-downsample", "c", None, True)
BARE = AppliedChange("GRP101", "grouped-convolution", "")
UNDONE = (replace(BARE, path="d"), replace(BARE, path="e", instead=("BNM302", "e")))
DONE = Rewriting((CARRIED, EXACT, FRESH, BARE), UNDONE, 0.2057)

TOLD = [
    "SEP101 depthwise-separable at a: its output is off by 68.31% on random input",
    "BNM302 foldable-batchnorm at b: its output is off by 3e-07 of it on random input",
    "DIL102 dilate-instead-of-downsample at c: starts from new weights",
    "GRP101 grouped-convolution at the model itself: applied",
    f"GRP101 grouped-convolution at d was left out: {UNSOUND}",
    "GRP101 grouped-convolution at e was left out: BNM302 at e changes its layer",
]


def test_a_sentence_for_each_change_and_what_was_left_out():
    assert list(lines(DONE)) == TOLD


def test_the_whole_models_error_is_in_the_headline():
    assert headline(DONE) == "4 changes applied; the whole model's output is off by 20.57% on random input"
    assert headline(replace(DONE, error=None)) == "4 changes applied"


def test_calibration_inputs_tell_the_error_before_and_after():
    done = replace(DONE, on_calibration=CalibrationError(0.4, 0.125), calibration="data.py:batches")
    assert headline(done) == (
        "4 changes applied; the whole model's output is off by 40.00% on calibration inputs, 12.50% with batch "
        "normalization estimated anew (inputs from data.py:batches, held out)"
    )
    change = replace(CARRIED, on_calibration=CalibrationError(0.5))
    assert next(lines(Rewriting((change,)))) == (
        f"{TOLD[0]}; within the model by 50.00% on calibration inputs (there is no batch normalization to "
        "estimate anew)"
    )


def test_no_more_than_so_many_lines():
    many = Rewriting(tuple(replace(CARRIED, path=f"l{n}") for n in range(30)), tuple([BARE] * 15))
    told = list(lines(many))
    assert (len(told), told[12], told[-1]) == (12 + 1 + 12 + 1, "18 more", "3 more left out")


def test_terminal_and_report_tell_it(analysis):
    rewritten = replace(analysis, rewriting=DONE)
    assert TOLD[0] in summary.render([analysis, rewritten])
    assert TOLD[0] in summary.render([rewritten])
    text = report.render(rewritten)
    assert "## What was applied" in text
    assert all(line.replace("_", "") in text.replace("\\", "") for line in TOLD)
    assert "What was applied" not in report.render(analysis)
