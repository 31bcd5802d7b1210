"""What advice would do to the model's output: each proposal put in alone, its weights carried over, and measured."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from analyzer.fitting.calibration_batches import Calibration
from analyzer.fitting.divergence import distance, outputs_of
from analyzer.fitting.networks import sharing_copy, use_batch_statistics
from analyzer.rewriting import rewritten
from analyzer.values.convolution import Proposal
from analyzer.values.errors import Problem


def proposal_harms(
    model: nn.Module, calibration: Calibration, proposals: Sequence[Proposal]
) -> tuple[float | None, ...]:
    """The divergence of the output on the held-out inputs with each proposal alone, as `Fit.measure` names it.

    None for a proposal that cannot be put in, or whose layers start from fresh weights, as these have no harm to tell.
    """
    reference = sharing_copy(model)
    if calibration.is_guess:
        use_batch_statistics(reference)
    wanted = outputs_of(reference, calibration.held_out)

    def harm(proposal: Proposal) -> float | None:
        try:
            changed = rewritten(reference, [proposal])
        except Problem:
            return None
        return None if changed.fresh else distance(wanted, changed.module, calibration.held_out).harm

    return tuple(map(harm, proposals))
