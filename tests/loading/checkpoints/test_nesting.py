"""The model's tensors are found wherever a training script keeps them."""

import pytest
import torch
from torch import nn

from analyzer.loading.checkpoints.nesting import state_in

W = torch.ones(2)
OPTIMIZER = {"state": {0: {"exp_avg": W}}, "param_groups": [{"lr": 0.1}]}


@pytest.mark.parametrize(
    "key",
    ["state_dict", "model", "model_state_dict", "ema", "module", "net", "params", "teacher", "params_ema", "model_ema"],
)
def test_an_entry_is_taken_and_mentioned(key):
    tensors, sentences = state_in({"epoch": 3, key: {"fc.weight": W}})
    assert tensors == {"fc.weight": W}
    assert sentences == (f"The model's tensors were taken from the checkpoint's entry '{key}'.",)


@pytest.mark.parametrize(
    "tree",
    [
        {"fc.weight": W},
        {"fc.weight": W, "epoch": 3, "name": "net", "nothing": None},
        {"fc.weight": W, "fc._extra_state": {"scale": 1.0}},
        {"fc.weight": W, "model": {"epochs": 3}},
    ],
)
def test_a_plain_state_needs_no_word(tree):
    assert state_in(tree) == ({"fc.weight": W}, ())


def test_raw_weights_come_before_averaged_ones():
    for raw, average in (("state_dict", "state_dict_ema"), ("model", "ema"), ("student", "teacher")):
        tensors, sentences = state_in({average: {"w": torch.zeros(1)}, raw: {"w": W}})
        assert tensors["w"] is W
        assert sentences[1] == f"Tensors in the checkpoint's other entries ({average}) were left out."


def test_optimizer_and_other_tensors_are_left_out_and_mentioned():
    tensors, sentences = state_in({"state_dict": {"w": W}, "optimizer": OPTIMIZER, "best_acc": W, "epoch": 1})
    assert tensors == {"w": W}
    assert sentences[1] == "Tensors in the checkpoint's other entries (optimizer, best_acc) were left out."


def test_an_optimizer_beside_a_plain_state():
    tensors, sentences = state_in({"w": W, "optim": OPTIMIZER})
    assert tensors == {"w": W}
    assert sentences == ("Tensors in the checkpoint's other entries (optim) were left out.",)


def test_states_of_several_parts_keep_their_part_as_prefix():
    tensors, _ = state_in({"encoder": {"w": W}, "decoder": {"w": W}, "lr_scheduler": {"w": W}})
    assert tensors == {"encoder.w": W, "decoder.w": W}


def test_nests_in_nests():
    tensors, sentences = state_in({"model": {"state_dict": {"w": W}}})
    assert tensors == {"w": W}
    assert "'model.state_dict'" in sentences[0]


def test_layers_named_like_training_state_stay():
    assert state_in({"sampler.weight": W, "amplifier": {"w": W}})[0].keys() == {"sampler.weight", "amplifier.w"}


def test_a_module_in_the_file_gives_its_state():
    assert state_in({"model": nn.Linear(3, 2), "epoch": 1})[0].keys() == {"weight", "bias"}


@pytest.mark.parametrize("tree", [None, 3, [W], W, {}, {0: W}, {"optimizer": OPTIMIZER}, {"model": None}])
def test_nothing_with_a_name_gives_nothing(tree):
    assert state_in(tree)[0] == {}
