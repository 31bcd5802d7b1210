"""Formulas and totals at other sizes in the report."""

import torch
from torch import nn

from analyzer.analysis import study
from analyzer.formats import files
from analyzer.formats.markdown import scaling_section
from analyzer.formats.terminal import summary
from analyzer.loading import from_module
from analyzer.values.requests import AnalysisOptions
from analyzer.values.results import Analysis
from analyzer.values.size_sweeps import points_of


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.projection = nn.Linear(16, 16)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        tokens = self.projection(tokens)
        return tokens @ tokens.transpose(1, 2)


def analysis(*at: str) -> Analysis:
    options = AnalysisOptions(advice=False, symbolic=True, at=points_of(at))
    return study(from_module(Attention().eval(), (torch.zeros(2, 64, 16),), {}), options).analysis


def test_formulas_stand_with_the_sizes_they_hold_for() -> None:
    text = scaling_section.formulas(analysis().scaling)
    assert "| MACs                            | `16·B·S·(S + 16)`" in text
    assert "Exact for `batch = B from 1 to 1,024`; `sequence = S from 1 to 131,072`" in text
    assert "- Length stays 16: at length=32 the forward fails" in text
    assert scaling_section.formulas(None) == ""


def test_totals_at_sizes_and_where_the_quadratic_part_leads() -> None:
    text = scaling_section.at_sizes(analysis("batch=1", "sequence=8,64"), "a-growth.svg")
    assert [cell.strip() for cell in text.splitlines()[2].split("|")][1:5] == ["1", "8", "3.07\u00a0k", "3,072"]
    assert 8 * 16 * (8 + 16) == 3072
    assert "from sequence 16 on at batch=2, the part of the MACs that grows with its power 2 is larger" in text
    assert "](<a-growth.svg>)" in text
    assert scaling_section.at_sizes(analysis()) == ""


def test_the_terminal_has_both() -> None:
    text = summary.render([analysis("sequence=8,64")])
    assert "MACs: 16·B·S·(S + 16)" in text
    assert "sequence=64" in text


def test_a_picture_stands_beside_the_report() -> None:
    found = files([analysis("sequence=8:64:8")], "markdown", "model.md")
    assert "costs by sequence" in found["model-growth.svg"]
    assert "model-growth.svg" in found["model.md"]
    assert "model-growth.svg" not in files([analysis("sequence=8")], "markdown", "model.md")
