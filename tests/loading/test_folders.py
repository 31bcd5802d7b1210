"""A folder is told what it is, or which of its files can be given."""

import json
from pathlib import Path

import pytest

from analyzer.loading import load
from analyzer.loading.folders import SHOWN, described, described_as_checkpoint
from analyzer.values.errors import Problem
from analyzer.values.requests import ModelRequest

NET = "import torch\nclass Net(torch.nn.Module): pass\n"


@pytest.fixture
def put(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(**files):
        for name, text in files.items():
            path = tmp_path / name.replace("__", "/").replace("_dot_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    return write


@pytest.mark.parametrize(
    ("files", "told"),
    [
        (
            {"run___dot_metadata": "", "run____0_0_dot_distcp": ""},
            "run is a distributed checkpoint of several files; make one file of them with "
            "python -m torch.distributed.checkpoint.format_utils dcp_to_torch run weights.pt",
        ),
        (
            {"run__config_dot_json": "{}", "run__model_dot_safetensors": ""},
            "run is a directory with a configuration of transformers; give it as transformers:run",
        ),
        (
            {"run__model_index_dot_json": "{}", "run__unet__config_dot_json": "{}", "run__vae__config_dot_json": "{}"},
            "run is a directory of a pipeline's models (unet, vae); give a Python file that builds one",
        ),
        (
            {"run__saved_model_dot_pb": ""},
            "run is a directory with a TensorFlow model; give the PyTorch model that it was made from",
        ),
        ({"run__notes_dot_txt": ""}, "run is a directory; give a file in it that defines a model, or a checkpoint"),
        (
            {
                "run__b__net_dot_py": NET,
                "run__train_dot_py": "import torch\n",
                "run__z_dot_py": "def build_model(): 1\n",
            },
            "run is a directory; give a file in it, such as run/z.py, run/b/net.py",
        ),
        (
            {"run__w_dot_pth": "", "run__net_dot_py": NET, "run__venv__x_dot_py": NET, "run___dot_git__y_dot_py": NET},
            "run is a directory; give a file in it, such as run/net.py, run/w.pth",
        ),
    ],
)
def test_what_to_give_in_its_place(put, files, told):
    put(**files)
    with pytest.raises(Problem) as caught:
        load(ModelRequest("run"))
    assert str(caught.value) == told


def test_the_working_directory_lists_its_own_names_and_counts_the_rest(put):
    put(**{f"net{number}_dot_py": NET for number in range(SHOWN + 2)})
    names = ", ".join(f"net{number}.py" for number in range(SHOWN))
    assert described(Path()) == f". is a directory; give a file in it, such as {names} and 2 more"


def test_in_place_of_a_checkpoint_checkpoints_are_named(put):
    index = json.dumps({"weight_map": {}})
    put(run__net_dot_py=NET, run__a_dot_safetensors="", run__model_dot_safetensors_dot_index_dot_json=index)
    assert described_as_checkpoint(Path("run")) == (
        "run is a directory; give the checkpoint file in it, "
        "such as run/model.safetensors.index.json, run/a.safetensors"
    )
