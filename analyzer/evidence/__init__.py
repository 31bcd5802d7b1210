"""What a checkpoint's weights say about a proposal, always beside what random weights would say."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from analyzer.evidence.batch_norm_statistics import NormStatistics
from analyzer.evidence.dilated_taps import kept_taps
from analyzer.evidence.finding import Evidence, sentence
from analyzer.evidence.grouping import Grouping, best_grouping
from analyzer.evidence.proposal_evidence import evidence_of
from analyzer.values.convolution import Convolution, Unit

__all__ = [
    "Evidence",
    "Grouping",
    "NormStatistics",
    "best_grouping",
    "evidence_for",
    "evidence_of",
    "kept_taps",
    "sentence",
]


def evidence_for(
    convolution: Convolution,
    units: Sequence[Unit],
    weight: Tensor,
    reads: NormStatistics | None = None,
    feeds: NormStatistics | None = None,
) -> str | None:
    """`evidence_of` as one sentence for the report."""
    evidence = evidence_of(convolution, units, weight, reads, feeds)
    return sentence(evidence) if evidence else None
