"""`--fit` on a trained file: the smaller model, its files, and one sentence for whatever cannot be."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

NET = """\
from torch import nn


def build_model():
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(),
        nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.BatchNorm2d(32), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10),
    )
"""
DATA = """\
import torch

images = torch.rand(64, 1, 8, 8, generator=torch.Generator().manual_seed(0))
labels = (10 * images[:, 0, :4, :4].mean((1, 2))).long() % 10


def batches():
    return images.split(16)


loader = list(zip(images.split(16), labels.split(16)))


def stream():
    yield from loader
"""
FIT = ("net.py", "--input", "1x1x8x8", "--fit", "macs=50%", "--quiet", "--output", "json:report.json")


@pytest.fixture
def folder(here: Any) -> Any:
    """The net, weights with statistics of their own, and inputs."""
    here.write("net.py", NET)
    here.write("data.py", DATA)
    torch.manual_seed(0)
    scope: dict[str, Any] = {}
    exec(NET, scope)
    model: nn.Module = scope["build_model"]().train()
    model(torch.rand(64, 1, 8, 8))
    torch.save(model.state_dict(), "net.pth")
    return here


def reports() -> list[Any]:
    return list(json.loads(Path("report.json").read_text(encoding="utf-8")))


def test_a_checkpoint_becomes_a_smaller_one(folder: Any) -> None:
    files = ("--emit", "small.py", "--save", "small.pth", "--finetune-script", "tune.py")
    done = folder.analyze(*FIT, "--checkpoint", "net.pth", "--calibrate", "data.py:batches", *files)
    assert done.status == 0, done.err
    before, after = reports()
    budget = after["fit"]["budgets"][0]
    assert budget["before"] == before["total"]["macs"] == 8 * 8 * 9 * 16 + 4 * 4 * 9 * 16 * 32 + 32 * 10
    assert budget["promised"] == budget["traced"] == after["total"]["macs"] <= budget["limit"]
    assert (after["fit"]["samples"], after["fit"]["held_out"]) == (48, 16)
    assert before["fit"] is None
    again = folder.analyze("small.py", "--checkpoint", "small.pth", "--quiet", "--output", "json:small.json")
    assert again.status == 0, again.err
    assert json.loads(Path("small.json").read_text(encoding="utf-8"))["total"]["macs"] == budget["traced"]
    command = [sys.executable, "tune.py", "--data", "data.py:loader", "--epochs", "1"]
    tuned = subprocess.run(command, capture_output=True, text=True, check=False)
    assert tuned.returncode == 0, tuned.stderr
    assert "4/4 loss" in tuned.stderr
    assert torch.load("small-tuned.pth").keys() == torch.load("small.pth").keys()


def test_training_goes_on_where_it_stopped(folder: Any) -> None:
    files = ("--emit", "small.py", "--save", "small.pth", "--finetune-script", "tune.py")
    folder.analyze(*FIT, "--checkpoint", "net.pth", "--calibrate", "data.py:batches", *files)
    command = [sys.executable, "tune.py", "--data", "data.py:stream", "--epochs"]
    subprocess.run([*command, "1"], check=True, capture_output=True)
    second = subprocess.run([*command, "2"], check=True, capture_output=True, text=True)
    assert "] 5/8" in second.stderr
    assert "] 4/8" not in second.stderr
    state = torch.load("small-training.pth")
    assert state["optimizer"]["param_groups"][0]["lr"] == pytest.approx(0, abs=1e-9)  # falls over all epochs asked for
    assert not list(Path().glob("*.part"))


def test_inputs_beside_the_model_are_found(folder: Any) -> None:
    folder.write("net.py", NET + "\n\ndef calibration_inputs():\n    import data\n\n    return data.images\n")
    assert folder.analyze(*FIT, "--checkpoint", "net.pth").status == 0
    assert reports()[1]["fit"]["source"] == "`calibration_inputs` of net.py"


def test_without_inputs_the_harm_is_a_guess(folder: Any) -> None:
    assert folder.analyze(*FIT, "--checkpoint", "net.pth").status == 0
    fit = reports()[1]["fit"]
    assert fit["is_guess"]
    assert any("random ones were used" in said for said in fit["assumptions"])
    assert not fit["recalibrated"]


def test_without_trained_weights_only_the_structure_is_of_use(folder: Any) -> None:
    assert folder.analyze(*FIT, "--emit", "small.py").status == 0
    fit = reports()[1]["fit"]
    assert fit["is_untrained"]
    assert any("harm of random weights means nothing" in said for said in fit["assumptions"])
    done = folder.analyze(*FIT, "--save", "small.pth", "--emit", "other.py")
    assert done.status == 2
    assert "no trained weights to save" in done.err
    assert not Path("small.pth").exists()
    assert not Path("other.py").exists()


def test_weights_of_the_file_itself_may_be_trained_or_not(folder: Any) -> None:
    """Without normalizations nothing tells; the report says on what that hangs, unless a checkpoint was given."""
    folder.write("net.py", NET.replace(" nn.BatchNorm2d(16),", "").replace(" nn.BatchNorm2d(32),", ""))
    assert folder.analyze(*FIT, "--calibrate", "data.py:batches").status == 0
    fit = reports()[1]["fit"]
    assert not fit["is_untrained"]
    assert any("means nothing unless that loads trained ones" in said for said in fit["assumptions"])
    folder.write("net.py", NET)
    assert folder.analyze(*FIT, "--calibrate", "data.py:batches", "--checkpoint", "net.pth").status == 0
    assert not any("no checkpoint" in said for said in reports()[1]["fit"]["assumptions"])


def store(name: str, value: torch.Tensor) -> None:
    import numpy as np
    from safetensors.torch import save_file

    if name.endswith(".npz"):
        np.savez(name, images=value.numpy())
    elif name.endswith(".safetensors"):
        save_file({"images": value}, name)
    else:
        torch.save(value, name)


@pytest.mark.parametrize("name", ["inputs.pt", "inputs.npz", "inputs.safetensors"])
def test_stored_inputs_are_read(folder: Any, name: str) -> None:
    store(name, torch.rand(40, 1, 8, 8))
    assert folder.analyze(*FIT, "--checkpoint", "net.pth", "--calibrate", name).status == 0
    fit = reports()[1]["fit"]
    assert (fit["source"], fit["samples"] + fit["held_out"]) == (name, 40)


def test_a_folder_of_pictures_says_how_they_were_prepared(folder: Any) -> None:
    from PIL import Image

    folder.write("net.py", NET.replace("Conv2d(1, 16", "Conv2d(3, 16"))
    Path("pictures").mkdir()
    for index in range(8):
        Image.new("RGB", (30, 20 + index), (10 * index, 80, 200)).save(f"pictures/{index}.png")
    done = folder.analyze("net.py", "--input", "1x3x8x8", *FIT[3:], "--calibrate", "pictures")
    assert done.status == 0, done.err
    fit = reports()[1]["fit"]
    assert fit["samples"] + fit["held_out"] == 8
    assert any("middle 87.5% of their shorter side, resized to 8×8" in said for said in fit["assumptions"])


REFUSED = {
    "no plan meets macs=1%": ("--fit", "macs=1%"),
    "there is no such budget": ("--fit", "speed=50%"),
    "given twice": ("--fit", "macs=50%", "--fit", "macs=40%"),
    "no plan meets peak-memory=10%": ("--fit", "peak-memory=10%"),
    "chooses what to apply itself": ("--fit", "macs=50%", "--apply", "GRP"),
    "no such file": ("--fit", "macs=50%", "--calibrate", "absent.pt"),
    "refuses the calibration input 8×3×8×8": ("--fit", "macs=50%", "--calibrate", "wrong.pt"),
    "NaN or infinite": ("--fit", "macs=50%", "--calibrate", "nan.pt"),
    "cannot be read as tensors": ("--fit", "macs=50%", "--calibrate", "damaged.npz"),
    "has no attribute 'absent'": ("--fit", "macs=50%", "--calibrate", "data.py:absent"),
    "goes with a budget": ("--finetune-script", "tune.py"),
    "--calibrate takes one target": ("other.py", "--calibrate", "data.py:batches", "--checkpoint", "net.pth"),
    "refuses the calibration input 8×3×8×8: ": ("--calibrate", "wrong.pt"),
    "absent.pt: no such file": ("--calibrate", "absent.pt"),
    "give both": ("--fit", "macs=50%", "--finetune-script", "tune.py"),
    "exists already": ("--fit", "macs=50%", "--emit", "data.py"),
    "cannot write": ("--fit", "macs=50%", "--emit", "small.py", "--save", "net.py/small.pth"),
}


@pytest.mark.parametrize(("said", "arguments"), REFUSED.items(), ids=REFUSED)
def test_what_cannot_be_is_one_sentence(folder: Any, said: str, arguments: tuple[str, ...]) -> None:
    torch.save(torch.rand(64, 3, 8, 8), "wrong.pt")
    torch.save(torch.full((64, 1, 8, 8), torch.nan), "nan.pt")
    folder.write("damaged.npz", b"not an archive")
    assert said in folder.refused("net.py", "--input", "1x1x8x8", "--checkpoint", "net.pth", *arguments)


def test_both_models_are_timed(folder: Any) -> None:
    done = folder.analyze(*FIT, "--checkpoint", "net.pth", "--latency", "-o", "report.md")
    assert done.status == 0, done.err
    for report in reports():
        turns = report["latency"]["comparison"]
        assert [turn["name"] for turn in turns] == ["net", "net-fitted"]
        assert turns[0]["ratio"] is None
        assert turns[1]["ratio"]["median"] > 0


@pytest.mark.parametrize("place", ["small.py", "small.pth", "tune.py"])
def test_a_full_disk_leaves_nothing_half_written(folder: Any, place: str) -> None:
    """A limit on files' size, in place of a full disk: the system refuses to write on."""
    room = {"small.py": 0, "small.pth": 4096, "tune.py": 0}[place]
    options = {"small.py": "--emit", "small.pth": "--save", "tune.py": "--finetune-script"}
    kept = {name: option for name, option in options.items() if place == "tune.py" or name == place}
    files = [part for name, option in kept.items() for part in (option, name)]
    limit = f"import resource, runpy; resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {room}));"
    run = f"{limit} runpy.run_module('analyzer', run_name='__main__')"
    arguments = ("net.py", *FIT[1:5], "--checkpoint", "net.pth", "--quiet", *files)
    before = sorted(path.name for path in Path().iterdir())
    done = subprocess.run(
        (sys.executable, "-B", "-c", run, *arguments), capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 2, done.stderr
    (said,) = done.stderr.strip().splitlines()
    assert said.startswith(
        "analyze: error: cannot write small.py" if place == "tune.py" else f"analyze: error: cannot write {place}"
    )
    assert said.endswith("file too large; choose another place")
    assert sorted(path.name for path in Path().iterdir() if path.name != "__pycache__") == before
