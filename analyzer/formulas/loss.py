"""Losses: three FLOPs per element that is judged (difference, penalty, sum), and as much for their gradient."""

from analyzer.formulas.formula import Formula, per_element_of, per_input, table

BOUNDED: dict[str, Formula] = {
    # Of every row one log-probability is summed.
    **table(
        per_element_of(1, "target"),
        "nll_loss nll_loss_forward nll_loss2d nll_loss2d_forward nll_loss_nd nll_loss_backward nll_loss2d_backward",
    ),
    **table(
        per_input(3),
        "mse_loss l1_loss smooth_l1_loss huber_loss binary_cross_entropy binary_cross_entropy_with_logits "
        "soft_margin_loss multi_margin_loss multilabel_margin_loss multilabel_margin_loss_forward kl_div "
        "mse_loss_backward smooth_l1_loss_backward huber_loss_backward binary_cross_entropy_backward "
        "soft_margin_loss_backward multi_margin_loss_backward multilabel_margin_loss_backward",
    ),
}
