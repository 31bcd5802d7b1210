"""How a file would import what a target names."""

from pathlib import Path

import pytest

from analyzer.loading.python.origin import origin_of
from analyzer.values.errors import Problem

NET = (
    "from torch import nn\nclass Net(nn.Module):\n    def __init__(self, width: int = 2):\n        super().__init__()\n"
)


@pytest.mark.parametrize(
    ("target", "settings", "expression"),
    [
        ("torchvision:vgg11_bn", {}, 'models.get_model("vgg11_bn", weights=None)'),
        ("torchvision:googlenet", {}, 'models.get_model("googlenet", weights=None, init_weights=False)'),
        ("timm:resnet18", {"num_classes": "7"}, 'timm.create_model("resnet18", pretrained=False, num_classes=7)'),
        ("torchvision.models:resnet18", {}, "original.resnet18()"),
        ("net.py", {"width": "3"}, "original.Net(width=3)"),
        ("net.py:Net", {}, "original.Net()"),
    ],
)
def test_a_builder_is_called(
    target: str, settings: dict[str, str], expression: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.py").write_text(NET)
    assert origin_of(target, settings).expression == expression


def test_an_installed_package_needs_no_folder() -> None:
    assert origin_of("torchvision.models:resnet18").folders == ()


@pytest.mark.parametrize("target", ["weights.pth", "program.pt2", "transformers:folder"])
def test_what_has_no_builder_is_refused(target: str) -> None:
    with pytest.raises(Problem, match="no builder"):
        origin_of(target)
