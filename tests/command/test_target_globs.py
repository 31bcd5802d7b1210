"""Targets with wildcards: what they match, in which order, and what a glob without a match is told."""

import sys
from pathlib import Path

import pytest

from analyzer.command.target_globs import expanded, is_glob
from analyzer.values.errors import Problem


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("models/net.py", "models/other.py", "models/notes.md", "net[1].py", "llm/config.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "models/folder.py").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    "target", ["timm:convnext*", "torchvision:*", "models/*.py", "models/???.py:build", "n[ae]t.py"]
)
def test_a_wildcard_in_the_place_makes_a_glob(target: str) -> None:
    assert is_glob(target)


@pytest.mark.parametrize(
    "target", ["torchvision:resnet18", "models/net.py", "net[1].py", "net.py:make*", "package.mod:f"]
)
def test_what_has_none_or_is_a_file_of_that_name_is_no_glob(target: str) -> None:
    assert not is_glob(target)


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        (["torchvision:vgg1?"], ["torchvision:vgg11", "torchvision:vgg13", "torchvision:vgg16", "torchvision:vgg19"]),
        (["timm:convnextv2_[bt]*"], ["timm:convnextv2_base", "timm:convnextv2_tiny"]),
        (["models/*.py"], ["models/net.py", "models/other.py"]),
        (["**/*.py"], ["models/net.py", "models/other.py", "net[1].py"]),
        (["models/n*.py:build"], ["models/net.py:build"]),
        (["transformers:l*"], ["transformers:llm"]),
        (["models/other.py", "models/*.py", "models/other.py"], ["models/other.py", "models/net.py"]),
        (["no/such.py", "package.module:name"], ["no/such.py", "package.module:name"]),
    ],
)
def test_each_match_once_in_order(targets: list[str], expected: list[str]) -> None:
    assert expanded(targets) == expected


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("torchvision:resnext*z", "torchvision:resnext*z: no model of torchvision matches; did you mean resnet"),
        ("timm:convnxt_tiny*", "timm:convnxt_tiny*: no model of timm matches; did you mean convnext_tiny"),
        ("torchvision:%*", "no model of torchvision matches; it has "),
        ("torchvison:resnet*", "torchvison:resnet*: there is no torchvison; did you mean torchvision:resnet*?"),
        ("models/nets*.py", "models/nets*.py: no file matches; did you mean net.py"),
        ("modles/*.py", "modles/*.py: no file matches; there is no folder modles; did you mean models?"),
        ("models/*.pth", "models/*.pth: no file matches; "),
        ("transformers:lm*", "transformers:lm*: no file matches; "),
    ],
)
def test_a_glob_without_a_match_names_the_nearest(target: str, sentence: str) -> None:
    with pytest.raises(Problem) as raised:
        expanded(["models/net.py", target])
    assert sentence in str(raised.value)


def test_a_zoo_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(Problem, match="timm is not installed; install it with pip install timm"):
        expanded(["timm:res*"])
