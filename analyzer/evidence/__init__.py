"""What a checkpoint's weights say about a proposal, always beside what random weights would say."""

from __future__ import annotations

from analyzer.evidence.batch_norm_statistics import NormStatistics
from analyzer.evidence.dilated_taps import kept_taps
from analyzer.evidence.grouping import Grouping, best_grouping
from analyzer.evidence.proposal_evidence import CarryingPlan, Known, evidence_of

__all__ = [
    "CarryingPlan",
    "Grouping",
    "Known",
    "NormStatistics",
    "best_grouping",
    "evidence_of",
    "kept_taps",
]
