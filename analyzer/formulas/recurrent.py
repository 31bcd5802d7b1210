"""Recurrent layers: every weight meets every real step once; the gates are elementwise."""

from math import prod
from types import MappingProxyType

from analyzer.formulas.formula import Formula, first, per_mac, per_output, size, table
from analyzer.values.counts import Cost
from analyzer.values.graph import Op, Tensor, tensors_of

# Per hidden unit and step, beside products and biases. LSTM: 4 sums of input and hidden product, 4 gate activations,
# f·c, i·g, their sum, tanh, o·. GRU: 3 sums, 3 activations, r·, and 3 to blend old and new. RNN: sum and activation.
LSTM, GRU, RNN = 13, 10, 2

# `mode` of the backends' layers: torch.nn.modules.rnn and ATen/native/cudnn/RNN.cpp.
FLOPS_OF_MODE = MappingProxyType({0: RNN, 1: RNN, 2: LSTM, 3: GRU})


def layers(flops_per_unit: int) -> Formula:
    """macs = steps · Σ∏weight over layers, directions, projections; steps = rows of the input, packed or padded."""

    def formula(op: Op) -> Cost | None:
        state = tuple(tensors_of(op.arguments["hx"]))[-1]  # (layers · directions, B, H), an LSTM's cell is last
        return _stepped(
            first(op, "input", "data"), _tensors(op, "params"), state.shape[0] * state.shape[-1], flops_per_unit
        )

    return formula


def packed_layers(gates_per_unit: int, flops_per_unit: int) -> Formula:
    """macs = steps · gates · H · Σ(width in + H) over layers and directions; two biases each, no projections.

    Quantized weights are out of sight, but input (…, I) and state (layers · directions, B, H) tell their shapes.
    """

    def formula(op: Op) -> Cost:
        x, state = first(op, "input", "data"), next(tensors_of(op.arguments["hx"]))
        directions, hidden = 2 if op.arguments["bidirectional"] else 1, state.shape[-1]
        widths = directions * x.shape[-1] + (state.shape[0] - directions) * directions * hidden
        weights = gates_per_unit * hidden * (widths + state.shape[0] * hidden)
        units = state.shape[0] * hidden
        return Cost(prod(x.shape[:-1]) * weights, prod(x.shape[:-1]) * units * (2 * gates_per_unit + flops_per_unit))

    return formula


def backend_layers(op: Op) -> Cost | None:
    """As `layers`, hidden units and kind of cell from the arguments."""
    directions = 2 if op.arguments["bidirectional"] else 1
    units = size(op, "num_layers") * size(op, "hidden_size") * directions
    return _stepped(op.tensor("input"), _tensors(op, "weight"), units, FLOPS_OF_MODE[op.integer("mode")])


def onednn_layer(op: Op) -> Cost | None:
    """macs = steps · (∏weight0 + ∏weight1): one layer, one direction; weight2 and weight3 are biases."""
    weights = tuple(op.tensor(f"weight{i}") for i in range(4 if op.arguments["has_biases"] else 2))
    return _stepped(op.tensor("input"), weights, op.tensor("hx_").shape[-1], FLOPS_OF_MODE[op.integer("mode")])


def cell(flops_per_unit: int) -> Formula:
    """macs = B · (∏w_ih + ∏w_hh), one step."""

    def formula(op: Op) -> Cost | None:
        hidden = next(tensors_of(op.arguments["hx"]))
        weights = tuple(op.tensor(name) for name in ("w_ih", "w_hh"))
        biases = _tensors(op, "b_ih") + _tensors(op, "b_hh") + _tensors(op, "bias_ih") + _tensors(op, "bias_hh")
        return _stepped(op.tensor("input"), weights + biases, hidden.shape[-1], flops_per_unit)

    return formula


def gates(flops_per_unit: int) -> Formula:
    """other = ∏state · flops of its units, and one per gate element for each bias; the products came before."""

    def formula(op: Op) -> Cost:
        state, gate = first(op, "cx", "hx"), op.tensor("input_gates")
        biases = sum(gate.numel for name in ("input_bias", "hidden_bias") if _tensors(op, name))
        return Cost(other_flops=state.numel * flops_per_unit + biases)

    return formula


def _stepped(x: Tensor, weights: tuple[Tensor, ...], units: int, flops_per_unit: int) -> Cost | None:
    """None when the weights are packed and nothing is known of them."""
    matrices = [weight for weight in weights if len(weight.shape) > 1]
    if not matrices:
        return None
    steps = prod(x.shape[:-1])
    biases = sum(weight.numel for weight in weights if len(weight.shape) == 1)
    macs = steps * sum(matrix.numel for matrix in matrices) * per_mac(x)
    return Cost(macs, steps * (biases + units * flops_per_unit))


def _tensors(op: Op, name: str) -> tuple[Tensor, ...]:
    return tuple(tensors_of(op.arguments.get(name)))


CONTRACTIONS: dict[str, Formula] = {
    **table(layers(LSTM), "lstm _lstm_mps"),
    **table(layers(GRU), "gru"),
    **table(layers(RNN), "rnn_tanh rnn_relu"),
    "aten.quantized_lstm": packed_layers(4, LSTM),
    "aten.quantized_gru": packed_layers(3, GRU),
    **table(backend_layers, "_cudnn_rnn miopen_rnn"),
    "aten.mkldnn_rnn_layer": onednn_layer,
    **table(cell(LSTM), "lstm_cell quantized_lstm_cell"),
    **table(cell(GRU), "gru_cell quantized_gru_cell"),
    **table(cell(RNN), "rnn_tanh_cell rnn_relu_cell quantized_rnn_tanh_cell quantized_rnn_relu_cell"),
    **table(cell(LSTM), "quantized_lstm_cell_dynamic", "quantized"),
    **table(cell(GRU), "quantized_gru_cell_dynamic", "quantized"),
    **table(cell(RNN), "quantized_rnn_tanh_cell_dynamic quantized_rnn_relu_cell_dynamic", "quantized"),
}

BOUNDED: dict[str, Formula] = {
    "aten._thnn_fused_lstm_cell": gates(LSTM),
    "aten._thnn_fused_gru_cell": gates(GRU),
    **table(per_output(2), "_thnn_fused_lstm_cell_backward_impl _thnn_fused_gru_cell_backward"),
}
