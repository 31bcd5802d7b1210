"""Calibration inputs as they lie in files: functions, stored tensors and pictures."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn

from analyzer.fitting.input_files import DEVIATION, MEAN, calibration_beside, calibration_from
from analyzer.values.errors import Problem

MODEL = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()
IMAGES = torch.rand(24, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def stored(name: str, folder: Path) -> str:
    path = folder / name
    match path.suffix:
        case ".pt":
            torch.save(IMAGES, path)
        case ".npz":
            np.savez(path, images=IMAGES.numpy())
        case ".safetensors":
            save_file({"images": IMAGES}, path)
        case ".py":
            torch.save(IMAGES, folder / "images.pt")
            path.write_text(f"import torch\n\ndef batches(): return [torch.load({str(folder / 'images.pt')!r})]\n")
            return f"{path}:batches"
    return str(path)


@pytest.mark.parametrize("name", ["inputs.pt", "inputs.npz", "inputs.safetensors", "data.py"])
def test_every_kind_of_file_gives_the_same_inputs(name: str, tmp_path: Path) -> None:
    found = calibration_from(stored(name, tmp_path), MODEL, (8, 8))
    seen = torch.cat([tensor for batch in (*found.batches, *found.held_out) for tensor in batch.tensors()])
    assert found.samples + found.held_out_samples == len(IMAGES)
    assert torch.equal(seen.flatten(1).sum(1).sort().values, IMAGES.flatten(1).sum(1).sort().values)


def test_pictures_are_cut_scaled_and_normalized(tmp_path: Path) -> None:
    for number in range(24):
        Image.new("RGB", (32, 16), (255, 0, 0)).save(tmp_path / f"{number}.png")
    found = calibration_from(str(tmp_path), MODEL, (8, 8))
    first: Tensor = found.batches[0].args[0][0]
    expected = torch.tensor([(value - mean) / by for value, mean, by in zip((1, 0, 0), MEAN, DEVIATION, strict=True)])
    assert torch.allclose(first, expected[:, None, None].expand(3, 8, 8), atol=1e-5)
    assert "resized to 8×8" in found.assumptions[-1]


REFUSED = {
    "no such file": "missing.pt",
    "calibration inputs are": "inputs.csv",
    "no pictures": ".",
    "cannot be read as tensors": "damaged.pt",
    "defines no `calibration_inputs`": "empty.py",
}


@pytest.mark.parametrize(("said", "name"), REFUSED.items(), ids=REFUSED.keys())
def test_what_holds_no_inputs_is_refused(said: str, name: str, tmp_path: Path) -> None:
    for file in ("inputs.csv", "damaged.pt", "empty.py"):
        (tmp_path / file).write_text("")
    with pytest.raises(Problem, match=said):
        calibration_from(str(tmp_path / name), MODEL, (8, 8))


def test_an_error_of_the_users_function_is_told_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "data.py").write_text("def batches(): raise KeyError('images')\n")
    with pytest.raises(Problem, match=r"data\.py:batches: KeyError"):
        calibration_from(f"{tmp_path / 'data.py'}:batches", MODEL, (8, 8))


def test_a_models_own_file_may_have_some(tmp_path: Path) -> None:
    (tmp_path / "without.py").write_text("")
    (tmp_path / "with.py").write_text("import torch\ncalibration_inputs = torch.ones(24, 3, 8, 8)\n")
    assert calibration_beside(str(tmp_path / "without.py"), MODEL) is None
    assert calibration_beside("torchvision:resnet18", MODEL) is None
    found = calibration_beside(str(tmp_path / "with.py"), MODEL)
    assert found is not None
    assert found.source == "`calibration_inputs` of with.py"
