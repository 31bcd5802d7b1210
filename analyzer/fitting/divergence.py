"""How far what one model gives is from what another gives: KL for class scores, relative error otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import kl_div, log_softmax
from torch.utils import _pytree as pytree

from analyzer.fitting.networks import Batches, Runs
from analyzer.values.errors import Problem

TINY = 1e-12
Outputs = Sequence[Sequence[Tensor]]
"""By batch, the tensors that a model gives."""
KL, RELATIVE = "KL divergence", "relative error"


@dataclass(frozen=True, slots=True)
class Distance:
    """How far outputs are from the wanted ones."""

    harm: float
    agreement: float | None
    """The share of samples whose highest score is that of the same class; None where outputs are not scores."""


def tensors(output: Any) -> tuple[Tensor, ...]:
    """The floating-point tensors that a model gave; Problem when there are none or something else is among them."""
    leaves = [leaf for leaf in pytree.tree_leaves(output) if leaf is not None]
    other = next((leaf for leaf in leaves if not isinstance(leaf, Tensor)), None)
    found = tuple(leaf for leaf in leaves if isinstance(leaf, Tensor) and leaf.is_floating_point())
    if other is not None or not found:
        what = type(output if other is None else other).__name__
        raise Problem(f"the model gives {what}; only tensors of numbers can be compared, so return those")
    return found


def measure_of(outputs: Sequence[Tensor]) -> str:
    """KL where every row of a single table is scores of classes, else relative error."""
    return KL if len(outputs) == 1 and outputs[0].dim() == 2 and outputs[0].shape[1] > 1 else RELATIVE


def distance(wanted: Outputs, model: nn.Module, batches: Sequence[Runs]) -> Distance:
    """Between outputs wanted for each batch and what the model gives, averaged over samples."""
    harm = agreed = samples = 0.0
    scores = measure_of(wanted[0]) == KL
    for before, batch in zip(wanted, batches, strict=True):
        after = tensors(batch.through(model))
        rows = len(before[0]) if before[0].dim() else 1
        harm += rows * (_divergence(before[0], after[0]) if scores else _relative(before, after))
        agreed += float((before[0].argmax(-1) == after[0].argmax(-1)).sum()) if scores else 0
        samples += rows
    return Distance(harm / samples, agreed / samples if scores else None)


def _divergence(before: Tensor, after: Tensor) -> float:
    """KL(before ‖ after) of the classes' probabilities; of each class alone where the outputs are probabilities.

    Σ p log(p / q), and Σ p log(p / q) + (1 - p) log((1 - p) / (1 - q)) averaged over classes.
    """
    p, q = before.double(), after.double()
    if _are_probabilities(before):
        p, q = p.clamp(TINY, 1 - TINY), q.clamp(TINY, 1 - TINY)
        each = p * (p / q).log() + (1 - p) * ((1 - p) / (1 - q)).log()
        return float(each.sum(1).mean())
    return float(kl_div(log_softmax(q, 1), log_softmax(p, 1), log_target=True, reduction="batchmean"))


def _are_probabilities(scores: Tensor) -> bool:
    return bool(scores.min() >= 0) and bool(scores.max() <= 1)


def _relative(before: Sequence[Tensor], after: Sequence[Tensor]) -> float:
    """|after - before|² / |before|², averaged over the outputs."""
    errors = [
        float((new.double() - old.double()).square().sum() / old.double().square().sum().clamp_min(TINY))
        for old, new in zip(before, after, strict=True)
    ]
    return sum(errors) / len(errors)


def outputs_of(model: nn.Module, batches: Batches) -> list[tuple[Tensor, ...]]:
    """What the model gives for each batch; Problem when that is not finite."""
    found = [tensors(batch.through(model)) for batch in batches]
    if not all(bool(torch.isfinite(tensor).all()) for each in found for tensor in each):
        raise Problem("the model gives NaN or infinite values for the calibration inputs; check their preprocessing")
    return found
