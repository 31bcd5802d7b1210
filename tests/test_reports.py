"""The committed reports are what `make report` makes today: a change's diff shows what it did to the numbers."""

from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from torchvision.models import mobilenet_v2, resnet50

from analyzer.cli import command

ROOT = Path(__file__).parent.parent
TARGETS = ["examples/resnet50.py", "examples/mobilenetv2.py"]
NAMES = ["comparison.md", "resnet50.md", "mobilenetv2.md"]


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the examples, the checkpoints as `examples/save_checkpoints.py` saves them, and new reports."""
    place = tmp_path_factory.mktemp("report")
    (place / "examples").symlink_to(ROOT / "examples")
    torch.manual_seed(0)
    torch.save(resnet50().state_dict(), place / "resnet.pth")
    torch.save(mobilenet_v2().state_dict(), place / "mobilenetv2.pth")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        weights = ["--checkpoint", "resnet.pth", "--checkpoint", "mobilenetv2.pth"]
        result = CliRunner().invoke(command, [*TARGETS, *weights, "--quiet"], catch_exceptions=False)
    assert result.exit_code == 0
    return place / "reports"


@pytest.mark.parametrize("name", NAMES)
def test_reports_are_up_to_date(fresh: Path, name: str) -> None:
    """Figures are not compared: their bytes depend on matplotlib's version."""
    assert (fresh / name).read_text(encoding="utf-8") == (ROOT / "reports" / name).read_text(encoding="utf-8")


def test_every_report_has_its_figure(fresh: Path) -> None:
    assert sorted(path.name for path in fresh.iterdir()) == sorted(path.name for path in (ROOT / "reports").iterdir())


def test_the_headlines_are_the_published_numbers() -> None:
    """torchvision: 25,557,032 and 3,504,872 parameters, 4.089 and 0.301 GMACs."""
    headlines = {name: (ROOT / "reports" / name).read_text(encoding="utf-8") for name in NAMES[1:]}
    assert "25,557,032" in headlines["resnet50.md"]
    assert "4,089,184,256" in headlines["resnet50.md"]
    assert "3,504,872" in headlines["mobilenetv2.md"]
    assert "300,774,272" in headlines["mobilenetv2.md"]
