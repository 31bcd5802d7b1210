"""State and steps in the reports, from a traced model."""

import torch
from torch import nn

from analyzer.analysis import study
from analyzer.formats import json
from analyzer.formats.markdown import report, steps_section
from analyzer.formats.terminal import summary
from analyzer.loading import from_module
from analyzer.values.requests import AnalysisOptions
from analyzer.values.results import Analysis


def analysis(model: nn.Module, *shape: int) -> Analysis:
    options = AnalysisOptions(advice=False, steps=True)
    return study(from_module(model.eval(), (torch.zeros(shape),), {}), options).analysis


def test_the_report_has_both_steps_and_every_kept_tensor() -> None:
    found = analysis(nn.GRU(8, 16, batch_first=True), 2, 10, 8)
    text = report.render(found)
    assert "## State and steps" in text
    assert "128 B (128 B) after 2 sequences of 10 tokens; one more token adds nothing." in text
    assert "prefill of 10 tokens for each of 2 sequences |" in text
    assert "<summary>All 1 kept tensor</summary>" in text
    assert "| `hx`" in text


def test_the_terminal_has_both_columns() -> None:
    text = summary.render([analysis(nn.GRU(8, 16, batch_first=True), 2, 10, 8)])
    assert "State kept between steps: 128 B" in text
    assert "one more token for each of 2 sequences" in text


def test_a_model_without_state_has_a_sentence_and_one_column() -> None:
    text = steps_section.section(analysis(nn.Linear(8, 8), 2, 10, 8).steps)
    assert text.startswith("- No state is kept between steps, as far as was seen")
    assert "one more token" not in text


def test_steps_that_were_not_asked_for_are_nowhere() -> None:
    assert steps_section.section(None) == ""


def test_steps_go_to_json_and_back() -> None:
    found = analysis(nn.GRU(8, 16, batch_first=True), 2, 10, 8)
    assert Analysis.from_json(json.render([found])) == found
