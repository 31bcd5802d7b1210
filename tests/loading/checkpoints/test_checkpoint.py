"""Checkpoints of every format are read without their data; what is not one is refused in a sentence."""

import json
import random
from collections import OrderedDict

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from analyzer.loading.checkpoints.checkpoint import read
from analyzer.values.counts import StoredTensor
from analyzer.values.errors import Problem

STATE = OrderedDict(
    (
        ("conv.weight", torch.arange(8 * 3 * 5 * 5, dtype=torch.float32).reshape(8, 3, 5, 5)),
        ("conv.bias", torch.ones(8, dtype=torch.float16)),
        ("bn.num_batches_tracked", torch.tensor(7)),
        ("a.scale", torch.ones(2, 2, dtype=torch.bfloat16)),
    )
)
STORED = (
    StoredTensor("conv.weight", (8, 3, 5, 5), "float32", 8 * 3 * 5 * 5 * 4),
    StoredTensor("conv.bias", (8,), "float16", 8 * 2),
    StoredTensor("bn.num_batches_tracked", (), "int64", 8),
    StoredTensor("a.scale", (2, 2), "bfloat16", 2 * 2 * 2),
)


def save(path):
    torch.save(STATE, path)


def save_legacy(path):
    torch.save(STATE, path, _use_new_zipfile_serialization=False)


def save_safetensors(path):
    save_file(dict(STATE), path, metadata={"format": "pt"})


def save_shards(path, suffix, write):
    names = list(STATE)
    parts = {f"shard-1-of-2.{suffix}": names[:2], f"shard-2-of-2.{suffix}": names[2:]}
    for shard, held in parts.items():
        write({name: STATE[name] for name in held}, path.parent / shard)
    weight_map = {name: shard for shard, held in parts.items() for name in held}
    path.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": weight_map}))


def save_sharded_safetensors(path):
    save_shards(path, "safetensors", save_file)


def save_sharded_torch(path):
    save_shards(path, "bin", torch.save)


FORMATS = {
    "torch": save,
    "legacy torch": save_legacy,
    "safetensors": save_safetensors,
    "sharded safetensors": save_sharded_safetensors,
    "sharded torch": save_sharded_torch,
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_names_shapes_dtypes_and_bytes(name, tmp_path):
    path = tmp_path / "weights.of-any-suffix"
    FORMATS[name](path)
    checkpoint = read(path)
    assert (checkpoint.file, checkpoint.format) == (str(path), name)
    assert sorted(checkpoint.tensors, key=lambda t: t.name) == sorted(STORED, key=lambda t: t.name)
    assert checkpoint.assumptions == ()


@pytest.mark.parametrize("name", ["torch", "legacy torch"])
def test_tensors_are_in_file_order(name, tmp_path):
    FORMATS[name](tmp_path / "weights")
    assert read(tmp_path / "weights").tensors == STORED


def test_safetensors_are_in_the_order_of_their_data(tmp_path):
    header = {
        "z": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
        "a": {"dtype": "U8", "shape": [3], "data_offsets": [8, 11]},
    }
    text = json.dumps(header).encode()
    (tmp_path / "weights").write_bytes(len(text).to_bytes(8, "little") + text + bytes(11))
    assert [tensor.name for tensor in read(tmp_path / "weights").tensors] == ["z", "a"]


@pytest.mark.parametrize("name", FORMATS)
def test_values_come_when_asked_for(name, tmp_path):
    FORMATS[name](tmp_path / "weights")
    values = read(tmp_path / "weights").load()
    assert values.keys() == STATE.keys()
    assert all(torch.equal(values[key], STATE[key]) for key in STATE)


@pytest.mark.parametrize("legacy", [False, True])
def test_sparse_and_quantized_tensors_have_the_bytes_that_they_hold(legacy, tmp_path):
    sparse = torch.eye(5).to_sparse()
    compressed = torch.eye(4).to_sparse_csr()
    quantized = torch.quantize_per_tensor(torch.ones(3, 3), 0.1, 0, torch.qint8)
    state = {"sparse": sparse, "compressed": compressed, "quantized": quantized}
    torch.save(state, tmp_path / "w", _use_new_zipfile_serialization=not legacy)
    found = {tensor.name: (tensor.shape, tensor.nbytes) for tensor in read(tmp_path / "w").tensors}
    assert found["sparse"] == ((5, 5), 5 * 2 * 8 + 5 * 4)
    assert found["compressed"] == ((4, 4), 5 * 8 + 4 * 8 + 4 * 4)
    assert found["quantized"] == ((3, 3), 3 * 3)


def test_a_view_counts_its_own_elements(tmp_path):
    torch.save({"row": torch.ones(100, 10)[0]}, tmp_path / "w")
    assert read(tmp_path / "w").tensors == (StoredTensor("row", (10,), "float32", 40),)


def test_wrappers_are_taken_off_names_and_mentioned(tmp_path):
    torch.save({"module._orig_mod.fc.weight": torch.ones(2)}, tmp_path / "w")
    checkpoint = read(tmp_path / "w")
    assert [tensor.name for tensor in checkpoint.tensors] == ["fc.weight"]
    assert torch.equal(checkpoint.load()["fc.weight"], torch.ones(2))
    assert checkpoint.assumptions == (
        "'module.' was taken off the names of the checkpoint's tensors.",
        "'_orig_mod.' was taken off the names of the checkpoint's tensors.",
    )


def test_a_nested_state_is_loaded_under_the_same_names(tmp_path):
    torch.save({"epoch": 3, "state_dict": {"module.w": torch.full((2,), 5.0)}}, tmp_path / "w")
    checkpoint = read(tmp_path / "w")
    assert checkpoint.load().keys() == {"w"}
    assert checkpoint.assumptions[0] == "The model's tensors were taken from the checkpoint's entry 'state_dict'."


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("share", [0.02, 0.5, 0.9, 0.999])
def test_a_cut_file_is_refused(name, share, tmp_path):
    path = tmp_path / "weights"
    FORMATS[name](path)
    path = next(iter(sorted(tmp_path.glob("shard-2*"))), path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(Problem, match=r"truncated|damaged|not a checkpoint"):
        read(tmp_path / "weights")


def test_a_file_cut_past_its_head_is_called_truncated(tmp_path):
    for name, write in FORMATS.items():
        if name.startswith("sharded"):
            continue
        write(tmp_path / name)
        data = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(data[: len(data) // 2])
        with pytest.raises(Problem, match=r"is truncated or damaged .* copy it again"):
            read(tmp_path / name)


@pytest.mark.parametrize("name", ["torch", "legacy torch", "safetensors"])
def test_a_damaged_file_is_read_or_refused_and_never_crashes(name, tmp_path):
    FORMATS[name](tmp_path / "whole")
    data, chance, refused = (tmp_path / "whole").read_bytes(), random.Random(0), 0
    for _ in range(300):
        damaged = bytearray(data)
        for _ in range(chance.choice((1, 2, 8))):
            damaged[chance.randrange(-900, 900)] = chance.randrange(256)
        (tmp_path / "damaged").write_bytes(damaged)
        try:
            read(tmp_path / "damaged")
        except Problem as problem:
            refused += len(str(problem).splitlines())
    assert 30 < refused <= 300


def test_what_is_no_checkpoint_is_refused(tmp_path):
    png = b"\x89PNG\r\n\x1a\n" + bytes(100)
    for data in (
        b"hello world\n",
        png,
        b"{}",
        b'{"weight_map": 3}',
        b'{"weight_map": {"w": []}}',
        b"{" * 10**5,
        bytes(1000),
        b"\x80",
        b"PK\x05\x06" + bytes(18),
    ):
        (tmp_path / "w").write_bytes(data)
        with pytest.raises(Problem, match="not a checkpoint"):
            read(tmp_path / "w")


def test_missing_empty_and_directory_are_told_apart(tmp_path):
    (tmp_path / "empty").touch()
    for name, said in (("absent", "no such file"), ("empty", "is empty"), (".", "is a directory")):
        with pytest.raises(Problem, match=said):
            read(tmp_path / name)


@pytest.mark.parametrize(
    "value", [{}, {"epoch": 1}, [1, 2], "text", torch.ones(2), {"optimizer": {"m": torch.ones(1)}}]
)
def test_a_file_without_named_tensors_is_refused(value, tmp_path):
    torch.save(value, tmp_path / "w")
    with pytest.raises(Problem, match="holds no named tensors"):
        read(tmp_path / "w")


def test_empty_safetensors_are_refused(tmp_path):
    save_file({}, tmp_path / "w")
    with pytest.raises(Problem, match="holds no named tensors"):
        read(tmp_path / "w")


def test_a_missing_shard_is_named(tmp_path):
    save_sharded_safetensors(tmp_path / "index.json")
    (tmp_path / "shard-2-of-2.safetensors").unlink()
    with pytest.raises(Problem, match=r"1 of 2 shards .*shard-2-of-2\.safetensors"):
        read(tmp_path / "index.json")


def test_a_shard_outside_the_folder_is_not_followed(tmp_path):
    save_safetensors(tmp_path / "outside.safetensors")
    (tmp_path / "model").mkdir()
    (tmp_path / "model/index.json").write_text(json.dumps({"weight_map": {"conv.bias": "../outside.safetensors"}}))
    with pytest.raises(Problem, match="not beside it"):
        read(tmp_path / "model/index.json")


def test_a_tensor_that_no_shard_holds_is_named(tmp_path):
    save_safetensors(tmp_path / "a.safetensors")
    weight_map = dict.fromkeys([*STATE, "lost"], "a.safetensors")
    (tmp_path / "index.json").write_text(json.dumps({"weight_map": weight_map}))
    with pytest.raises(Problem, match=r"promises lost, which a\.safetensors does not hold"):
        read(tmp_path / "index.json")


def test_other_stores_of_a_model_are_pointed_to_as_targets(tmp_path):
    torch.jit.save(torch.jit.script(nn.Linear(2, 2)), tmp_path / "scripted.pt")
    with pytest.raises(Problem, match="is a TorchScript archive, not a checkpoint"):
        read(tmp_path / "scripted.pt")
