"""Files that pickle code are refused by name, and nothing in them runs."""

import io
import os
import pickle
import tarfile
import zipfile
from argparse import Namespace
from collections import OrderedDict
from pathlib import Path

import pytest
import torch

from analyzer.loading.checkpoints.checkpoint import read
from analyzer.loading.checkpoints.pickles import globals_in, open_pickled, unsafe_globals
from analyzer.values.errors import Problem


class Calls:
    """Pickles as a call of `function`."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


class Layer(torch.nn.Module):
    def __init__(self, payload):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(2))
        self.payload = payload


class Strange(torch.Tensor):
    """A subclass that only its own module can rebuild."""


def system(sentinel):
    return Calls(os.system, f"touch '{sentinel}'")


def evaluation(sentinel):
    return Calls(eval, f"__import__('pathlib').Path({str(sentinel)!r}).touch()")


def write_zip(data, path):
    """An archive as torch.save lays it out, with these bytes as its pickle."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", data)
        archive.writestr("archive/version", "3\n")
        archive.writestr("archive/byteorder", "little")


def save(value, path):
    torch.save(value, path)


def save_legacy(value, path):
    torch.save(value, path, _use_new_zipfile_serialization=False)


def save_newer_protocol(value, path):
    torch.save(value, path, pickle_protocol=4)


def save_bare(value, path):
    path.write_bytes(pickle.dumps(value))


HOSTILE = {
    "system": (save, system, "os.system"),
    "eval": (save, evaluation, "builtins.eval"),
    "exec": (save, lambda s: Calls(exec, f"open({str(s)!r}, 'w')"), "builtins.exec"),
    "legacy system": (save_legacy, system, "os.system"),
    "legacy eval in a dict": (save_legacy, lambda s: {"w": torch.ones(2), "x": evaluation(s)}, "builtins.eval"),
    "newer protocol": (save_newer_protocol, system, "os.system"),
    "bare pickle": (save_bare, system, "os.system"),
    "nested": (save, lambda s: {"state_dict": {"w": torch.ones(2)}, "extra": [{"deep": (system(s),)}]}, "os.system"),
    "before the tensors": (save, lambda s: OrderedDict(a=system(s), w=torch.ones(2)), "os.system"),
    "method of a class": (save, lambda s: Calls(Path.touch, Path(s)), "getattr"),
    "rebuild with a hostile function": (
        save,
        lambda s: Calls(torch._tensor._rebuild_from_type_v2, os.system, torch.Tensor, (f"touch '{s}'",), None),
        "os.system",
    ),
    "rebuild with a hostile argument": (
        save,
        lambda s: Calls(torch._utils._rebuild_tensor_v2, system(s), 0, (1,), (1,), False, OrderedDict()),
        "os.system",
    ),
    "tensor subclass": (save, lambda s: {"w": torch.ones(2).as_subclass(Strange), "x": system(s)}, "Strange"),
    "whole module": (save, lambda s: Layer(system(s)), "Layer"),
    "hand-written INST": (
        write_zip,
        lambda s: b"\x80\x02(S'touch " + str(s).encode() + b"'\nios\nsystem\n.",
        "os.system",
    ),
    "hand-written text protocol": (
        lambda data, path: path.write_bytes(data),
        lambda s: b"cposix\nsystem\n(S'touch " + str(s).encode() + b"'\ntR.",
        "not a checkpoint",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused_and_nothing_runs(name, tmp_path):
    write, make, named = HOSTILE[name]
    sentinel, path = tmp_path / "sentinel", tmp_path / "weights.pth"
    write(make(sentinel), path)
    with pytest.raises(Problem, match=named.replace(".", r"\.")) as caught:
        read(path)
    assert str(caught.value).startswith(str(path))
    assert not sentinel.exists()


@pytest.mark.parametrize("name", HOSTILE)
def test_opening_as_another_format_runs_nothing_either(name, tmp_path):
    write, make, _ = HOSTILE[name]
    sentinel, path = tmp_path / "sentinel", tmp_path / "weights.pth"
    write(make(sentinel), path)
    for zipped in (True, False):
        with pytest.raises(Problem):
            open_pickled(path, zipped, values=True)
    assert not sentinel.exists()


@pytest.mark.parametrize("name", ["system", "eval", "legacy system", "nested"])
def test_the_payloads_are_live_where_the_file_is_trusted(name, tmp_path):
    write, make, _ = HOSTILE[name]
    sentinel, path = tmp_path / "sentinel", tmp_path / "weights.pth"
    write(make(sentinel), path)
    open_pickled(path, zipped=zipfile.is_zipfile(path), trust=True)
    assert sentinel.exists()


def test_refusal_is_one_sentence_that_says_what_to_do(tmp_path):
    path = tmp_path / "weights.pth"
    save(system(tmp_path / "sentinel"), path)
    with pytest.raises(Problem) as caught:
        read(path)
    assert str(caught.value) == (
        f"{path} pickles code (os.system): refused; load it with --trust-checkpoint only if you trust its source"
    )


def test_every_global_is_named_once(tmp_path):
    path = tmp_path / "weights.pth"
    save([system("a"), evaluation("b"), system("c")], path)
    assert unsafe_globals(path, zipped=True) == ("os.system", "builtins.eval")


def test_a_trusted_module_gives_its_state(tmp_path):
    path = tmp_path / "module.pth"
    save(torch.nn.Linear(3, 2), path)
    with pytest.raises(Problem, match=r"torch\.nn\.modules\.linear\.Linear"):
        read(path)
    tensors = read(path, trust=True).tensors
    assert [(tensor.name, tensor.shape) for tensor in tensors] == [("weight", (2, 3)), ("bias", (2,))]


def test_a_trusted_module_whose_code_is_gone(tmp_path):
    path = tmp_path / "module.pth"
    write_zip(b"\x80\x02cno_such_module\nNet\n.", path)
    with pytest.raises(Problem, match=r"no_such_module.*importable"):
        read(path, trust=True)


def test_a_newer_protocol_without_code_is_not_called_code(tmp_path):
    path = tmp_path / "weights.pth"
    save_newer_protocol({"w": torch.ones(2)}, path)
    with pytest.raises(Problem, match="cannot be read without running its pickle") as caught:
        read(path)
    assert "pickles code" not in str(caught.value)


def test_a_bare_pickle_without_code_is_not_called_damaged(tmp_path):
    path = tmp_path / "weights.pth"
    save_bare({"w": [1.0]}, path)
    for trust in (False, True):
        with pytest.raises(Problem, match=r"torch\.save did not write"):
            read(path, trust)


def test_the_oldest_format_is_not_called_damaged(tmp_path):
    path = tmp_path / "weights.pth"
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(tarfile.TarInfo("storages"))
    with pytest.raises(Problem, match="cannot be read without running its pickle"):
        read(path)


def test_what_the_caller_allows_stays_as_it_is(tmp_path):
    save({"w": torch.ones(2)}, tmp_path / "weights.pth")
    with torch.serialization.safe_globals([Namespace, Layer]):
        before = set(torch.serialization.get_safe_globals())
        read(tmp_path / "weights.pth")
        assert set(torch.serialization.get_safe_globals()) == before


def test_a_record_of_arguments_is_harmless(tmp_path):
    path = tmp_path / "weights.pth"
    save({"model": {"w": torch.ones(2)}, "args": Namespace(lr=0.1)}, path)
    assert [tensor.name for tensor in read(path).tensors] == ["w"]


def test_tensors_larger_than_their_storage_are_refused(tmp_path):
    path = tmp_path / "weights.pth"
    storage = torch.ones(4).storage()
    save({"w": Calls(torch._utils._rebuild_tensor_v2, storage, 0, (10**9,), (1,), False, OrderedDict())}, path)
    with pytest.raises(Problem, match="damaged"):
        read(path)


def test_a_dict_that_holds_itself_ends(tmp_path):
    path, tree = tmp_path / "weights.pth", {"w": torch.ones(2)}
    tree["model"] = tree
    save(tree, path)
    assert "w" in read(path).tensors[0].name


def test_globals_of_a_pickle_are_read_from_either_spelling():
    expected = ["collections.OrderedDict", "os.system"]
    for protocol in range(6):
        data = pickle.dumps([OrderedDict(), system("x"), OrderedDict()], protocol)
        assert sorted(set(globals_in(io.BytesIO(data))) - {"copyreg._reconstructor"}) == expected
