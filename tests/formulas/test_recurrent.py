import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.formulas import cost_of, kind_of
from analyzer.values.counts import Cost
from analyzer.values.graph import Op, Tensor

T, B, W, H = 5, 2, 3, 4


def parameters(gates, *, layers=1, directions=1, bias=True, projection=0):
    """As torch flattens them: per layer and direction w_ih, w_hh, b_ih, b_hh, w_hr."""
    state = projection or H
    for layer in range(layers):
        for _ in range(directions):
            yield Tensor((gates * H, W if layer == 0 else state * directions))
            yield Tensor((gates * H, state))
            yield from [Tensor((gates * H,))] * 2 if bias else []
            yield from [Tensor((projection, H))] if projection else []


def states(layers=1, directions=1, projection=0):
    return Tensor((layers * directions, B, projection or H)), Tensor((layers * directions, B, H))


def recurrent(gates, **options):
    shape = {key: value for key, value in options.items() if key != "bias"}
    hidden = states(**shape)
    return {
        "input": Tensor((T, B, W)),
        "hx": hidden if gates == 4 else hidden[0],
        "params": tuple(parameters(gates, **options)),
    }


@pytest.mark.parametrize(
    ("packet", "gates", "options", "expected"),
    [
        ("aten.lstm", 4, {}, Cost(T * B * 4 * H * (W + H), T * B * (2 * 4 * H + 13 * H))),
        ("aten.lstm", 4, {"bias": False}, Cost(T * B * 4 * H * (W + H), T * B * 13 * H)),
        ("aten.lstm", 4, {"layers": 2}, Cost(T * B * 4 * H * (W + H + H + H), 2 * T * B * (8 * H + 13 * H))),
        ("aten.lstm", 4, {"directions": 2}, Cost(2 * T * B * 4 * H * (W + H), 2 * T * B * (8 * H + 13 * H))),
        (
            "aten.lstm",
            4,
            {"projection": 2},
            Cost(T * B * (4 * H * (W + 2) + 2 * H), T * B * (8 * H + 13 * H)),
        ),
        (
            "aten.lstm",
            4,
            {"layers": 2, "directions": 2},
            Cost(2 * T * B * 4 * H * (W + H + 2 * H + H), 4 * T * B * (8 * H + 13 * H)),
        ),
        ("aten.gru", 3, {}, Cost(T * B * 3 * H * (W + H), T * B * (2 * 3 * H + 10 * H))),
        ("aten.rnn_tanh", 1, {}, Cost(T * B * H * (W + H), T * B * (2 * H + 2 * H))),
        ("aten.rnn_relu", 1, {"directions": 2}, Cost(2 * T * B * H * (W + H), 2 * T * B * (2 * H + 2 * H))),
    ],
)
def test_weights_meet_every_step(price, packet, gates, options, expected):
    assert price(packet, recurrent(gates, **options), Tensor((T, B, H))) == expected


@given(steps=st.integers(1, 9), batch=st.integers(1, 9))
def test_layout_of_the_input_does_not_matter(steps, batch):
    calls = [recurrent(3) | {"input": Tensor(shape)} for shape in ((steps, batch, W), (batch, steps, W))]
    first, second = (cost_of(Op("aten.gru.input", call, (Tensor((steps, batch, H)),))) for call in calls)
    assert first == second


def test_packed_sequences_count_their_real_steps(price):
    packed = recurrent(4)
    packed["data"] = Tensor((7, W))
    del packed["input"]
    assert price("aten.lstm", packed, Tensor((7, H))).macs == 7 * 4 * H * (W + H)


@pytest.mark.parametrize(
    ("mode", "gates", "per_unit"), [(0, 1, 2), (1, 1, 2), (2, 4, 13), (3, 3, 10)], ids=["relu", "tanh", "lstm", "gru"]
)
def test_backends_layers(price, mode, gates, per_unit):
    arguments = {
        "input": Tensor((T, B, W)),
        "weight": tuple(parameters(gates, layers=2)),
        "mode": mode,
        "hidden_size": H,
        "num_layers": 2,
        "bidirectional": False,
    }
    expected = Cost(T * B * gates * H * (W + 3 * H), 2 * T * B * (2 * gates * H + per_unit * H))
    for packet in ("aten._cudnn_rnn", "aten.miopen_rnn"):
        assert price(packet, arguments, Tensor((T, B, H))) == expected


def test_one_layer_of_onednn(price):
    weights = {f"weight{index}": weight for index, weight in enumerate(parameters(4))}
    arguments = {"input": Tensor((T, B, W)), **weights, "hx_": Tensor((1, B, H)), "mode": 2, "has_biases": True}
    expected = Cost(T * B * 4 * H * (W + H), T * B * (8 * H + 13 * H))
    assert price("aten.mkldnn_rnn_layer", arguments, Tensor((T, B, H))) == expected


@pytest.mark.parametrize(
    ("packet", "gates", "per_unit"),
    [("aten.lstm_cell", 4, 13), ("aten.gru_cell", 3, 10), ("aten.rnn_tanh_cell", 1, 2)],
)
def test_a_cell_is_one_step(price, packet, gates, per_unit):
    names = zip(("w_ih", "w_hh", "b_ih", "b_hh"), parameters(gates), strict=True)
    arguments = {"input": Tensor((B, W)), "hx": Tensor((B, H)), **dict(names)}
    assert price(packet, arguments, Tensor((B, H))) == Cost(B * gates * H * (W + H), B * (2 * gates * H + per_unit * H))


def test_gates_alone_are_elementwise(price):
    gate = Tensor((B, 4 * H))
    arguments = {"input_gates": gate, "hidden_gates": gate, "cx": Tensor((B, H)), "input_bias": Tensor((4 * H,))}
    assert price("aten._thnn_fused_lstm_cell", arguments, Tensor((B, H))) == Cost(0, B * H * 13 + B * 4 * H)
    assert kind_of(Op("aten._thnn_fused_lstm_cell.default", arguments, ())) == "bounded"


@pytest.mark.parametrize(("packet", "gates", "per_unit"), [("lstm", 4, 13), ("gru", 3, 10)])
@pytest.mark.parametrize(("layers", "directions"), [(1, 1), (2, 1), (3, 2)])
def test_quantized_layers_cost_what_float_ones_do(price, packet, gates, per_unit, layers, directions):
    floating = recurrent(gates, layers=layers, directions=directions)
    packed = floating | {"params": ("packed",) * 2, "bidirectional": directions == 2}
    out = Tensor((T, B, directions * H))
    assert price(f"aten.quantized_{packet}", packed, out) == price(f"aten.{packet}", floating, out)


def test_weights_out_of_sight_have_no_count(price):
    assert price("aten.lstm", recurrent(4) | {"params": ("packed",)}, Tensor((T, B, H))) is None
