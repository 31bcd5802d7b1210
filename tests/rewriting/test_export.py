"""A written file builds the promised model, saved weights fit it, and nothing is left half-written."""

import os
from pathlib import Path

import pytest
import torch
from torch import nn

from analyzer import rewrite
from analyzer.advising.verification import prove
from analyzer.analysis import study
from analyzer.loading import load
from analyzer.rewriting import rewritten
from analyzer.rewriting.emitting import EmittedSwap
from analyzer.rewriting.export import carried_out, emit, proposal_of
from analyzer.rewriting.saving import save
from analyzer.tracing import trace
from analyzer.values.advice import Advice, Replacement
from analyzer.values.convolution import Convolution, Proposal
from analyzer.values.errors import Problem
from analyzer.values.layer_calls import LayerCall
from analyzer.values.requests import ModelRequest

ONES, ZEROS = (1, 1), (0, 0)
NET = """import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x):
        return x + self.conv(x)


class Net(nn.Module):
    def __init__(self, width: int = 32):
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3)
        self.body = nn.Sequential(Block(width), Block(width))

    def forward(self, x):
        return self.body(self.stem(x))


def build_model(width: int = 32):
    return Net(width)


example_inputs = torch.zeros(2, 3, 20, 20)
"""


def separated(path: str, width: int = 32) -> Proposal:
    depthwise = Convolution(width, width, (3, 3), ONES, ONES, ONES, groups=width)
    return Proposal(((path, (depthwise, Convolution(width, width, ONES, ONES, ZEROS, ONES, bias=True))),))


def grouped(path: str) -> Proposal:
    return Proposal(((path, (Convolution(32, 32, (3, 3), ONES, ONES, ONES, groups=2, bias=True),)),))


GROUPED = LayerCall("Conv2d", (32, 32, 3), {"padding": 1, "groups": 2})


def advice_for(path: str, *calls: LayerCall) -> Advice:
    replaced = tuple(Replacement(path, call.code, (call,)) for call in calls)
    return Advice("GRP101", "", path, "note", "retrain", "", None, None, None, None, replacements=replaced)


FACT = advice_for("body.0.conv")
SWAPS = (
    EmittedSwap(separated("body.0.conv"), "SEP101 depthwise-separable, models/model.py:8"),
    EmittedSwap(grouped("body.1.conv"), "GRP101 grouped-convolution, models/model.py:8"),
)
PROPOSALS = [swap.proposal for swap in SWAPS]

WRITTEN = '''"""model, restructured; written by analyze."""

import sys
from pathlib import Path

from torch import nn

sys.path.insert(0, str(Path(__file__).parent / "models"))
import model as original

example_inputs = original.example_inputs


def build_model() -> nn.Module:
    model = original.build_model()

    # SEP101 depthwise-separable, models/model.py:8
    model.body[0].conv = nn.Sequential(
        nn.Conv2d(32, 32, 3, padding=1, groups=32, bias=False),
        nn.Conv2d(32, 32, 1),
    )

    # GRP101 grouped-convolution, models/model.py:8
    model.body[1].conv = nn.Conv2d(32, 32, 3, padding=1, groups=2)

    return model
'''


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """`models/model.py` in an empty working directory; the name that most files have."""
    monkeypatch.chdir(tmp_path)
    Path("models").mkdir()
    Path("models/model.py").write_text(NET)
    return "models/model.py"


def test_the_written_file_reads_as_by_hand_and_counts_as_promised(target: str) -> None:
    loaded = load(ModelRequest(target))
    before = trace(loaded)
    saved = prove(loaded, PROPOSALS, before)
    emit(loaded, SWAPS, Path("optimized.py"))
    assert Path("optimized.py").read_text() == WRITTEN
    old, new = study(loaded).analysis.total, study(load(ModelRequest("optimized.py"))).analysis.total
    assert old.params - new.params == saved.params == (32 * 32 * 9 - 32 * 9 - 32 * 32) + 32 * 16 * 9
    assert old.macs - new.macs == saved.macs == saved.params * 2 * 18 * 18


@pytest.mark.parametrize("place", ["models/small.py", "out/small.py", "small.py"])
def test_the_written_file_may_lie_anywhere(target: str, place: str) -> None:
    emit(load(ModelRequest(target)), SWAPS, Path(place))
    assert load(ModelRequest(place)).module.body[1].conv.groups == 2
    assert [path.name for path in Path(place).parent.glob(".*")] == []


def test_arguments_of_the_builder_are_written_down(target: str) -> None:
    settings = {"width": "16"}
    swap = EmittedSwap(separated("body.0.conv", 16), "SEP101")
    emit(load(ModelRequest(target, settings=settings)), [swap], Path("o.py"), settings=settings)
    assert "original.build_model(width=16)" in Path("o.py").read_text()


def test_a_wrapper_is_taken_off_in_the_written_file(target: str) -> None:
    Path(target).write_text(NET.replace("return Net(width)", "return nn.DataParallel(torch.compile(Net(width)))"))
    model = study(load(ModelRequest(target))).model
    assert model is not None
    emit(model.loaded, SWAPS, Path("o.py"))
    assert "model = original.build_model().module._orig_mod\n" in Path("o.py").read_text()
    assert load(ModelRequest("o.py")).module.body[1].conv.groups == 2


def test_a_module_at_the_top_of_a_file_is_copied(target: str) -> None:
    with Path(target).open("a") as file:
        file.write("model = Net()\n")
    emit(load(ModelRequest(target)), SWAPS, Path("o.py"))
    assert "model = copy.deepcopy(original.model)" in Path("o.py").read_text()
    assert load(ModelRequest("o.py")).module.body[1].conv.groups == 2


def test_a_package_and_a_file_with_an_odd_name_are_imported(target: str) -> None:
    Path("package").mkdir()
    Path("package/__init__.py").touch()
    for name in ("package/net.py", "my-net.py"):
        Path(name).write_text(NET)
        emit(load(ModelRequest(name)), SWAPS, Path("o.py"), force=True)
        assert load(ModelRequest("o.py")).module.body[1].conv.groups == 2
    emit(load(ModelRequest("package.net:Net")), SWAPS, Path("o.py"), force=True)
    assert "import package.net as original" in Path("o.py").read_text()


def test_a_file_that_its_own_package_imports(target: str) -> None:
    for file in ("src/package/net.py", "src/broken/lonely.py"):
        Path(file).parent.mkdir(parents=True)
        Path(file).write_text(NET)
    Path("src/package/__init__.py").write_text("from .net import Net\nimport beside\n")
    Path("src/package/beside.py").touch()
    Path("src/broken/__init__.py").write_text("import missing_of_test\n")
    emit(load(ModelRequest("src/package/net.py")), SWAPS, Path("o.py"))
    text = Path("o.py").read_text()
    inserted = [line.partition(" / ")[2] for line in text.splitlines() if line.startswith("sys.path")]
    assert inserted == ['"src/package"))', '"src"))']
    assert "import package.net as original" in text
    assert load(ModelRequest("o.py")).module.body[1].conv.groups == 2
    emit(load(ModelRequest("src/broken/lonely.py")), SWAPS, Path("o.py"), force=True)
    assert 'Path(__file__).parent / "src/broken"' in Path("o.py").read_text()
    assert load(ModelRequest("o.py")).module.body[1].conv.groups == 2


def test_a_zoo_model_is_written_with_its_inputs(tmp_path: Path) -> None:
    loaded = load(ModelRequest("torchvision:resnet18", settings={"num_classes": "10"}))
    traced = trace(loaded)
    conv = Convolution(64, 64, (3, 3), ONES, ONES, ONES, groups=4)
    swap = EmittedSwap(Proposal((("layer1.0.conv2", (conv,)),)), "GRP101")
    emit(loaded, [swap], tmp_path / "o.py", settings={"num_classes": "10"}, inputs=traced.inputs)
    text = (tmp_path / "o.py").read_text()
    assert 'model = models.get_model("resnet18", weights=None, num_classes=10)' in text
    assert "model.layer1[0].conv2 = nn.Conv2d(64, 64, 3, padding=1, groups=4, bias=False)" in text
    assert 'example_inputs = {"x": torch.zeros(1, 3, 224, 224)}' in text
    saved = prove(loaded, [swap.proposal], traced)
    old, new = study(loaded).analysis.total, study(load(ModelRequest(str(tmp_path / "o.py")))).analysis.total
    assert (old.params - new.params, old.macs - new.macs) == (saved.params, saved.macs)
    assert saved.params == 64 * 48 * 9
    assert saved.macs == 64 * 48 * 9 * 56 * 56


def test_an_existing_file_is_kept_unless_forced(target: str) -> None:
    Path("o.py").write_text("mine")
    with pytest.raises(Problem, match="exists already"):
        emit(load(ModelRequest(target)), SWAPS, Path("o.py"))
    assert Path("o.py").read_text() == "mine"
    emit(load(ModelRequest(target)), SWAPS, Path("o.py"), force=True)
    assert "build_model" in Path("o.py").read_text()


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("models/model.py", "is the file that builds the model"),
        ("model.py", "would hide the module model"),
        ("o.txt", "ends in .py"),
        ("models", "ends in .py"),
    ],
)
def test_a_place_that_cannot_be_is_refused(target: str, place: str, reason: str) -> None:
    with pytest.raises(Problem, match=reason):
        emit(load(ModelRequest(target)), SWAPS, Path(place), force=True)
    assert sorted(path.name for path in Path().rglob("*.py")) == ["model.py"]


def test_a_builder_that_the_file_cannot_import_is_refused_and_nothing_written(target: str) -> None:
    with Path(target).open("a") as file:
        file.write("import sys\nif not sys.argv[0].endswith('model.py'):\n    raise ImportError('only by itself')\n")
    loaded = load(ModelRequest(target))
    with pytest.raises(Problem, match=r"would not build .*only by itself"):
        emit(loaded, SWAPS, Path("o.py"))
    assert sorted(path.name for path in Path().rglob("*.py")) == ["model.py"]


def test_a_stored_model_has_no_builder(target: str) -> None:
    torch.save(torch.nn.Linear(2, 2).state_dict(), "w.pth")
    loaded = load(ModelRequest(target))
    with pytest.raises(Problem, match="no builder that a Python file could import"):
        emit(type(loaded)("w", "w.pth", loaded.module, ()), SWAPS, Path("o.py"))


def test_saved_weights_fit_the_written_file(target: str) -> None:
    loaded = load(ModelRequest(target))
    emit(loaded, SWAPS, Path("o.py"))
    done = carried_out(loaded, PROPOSALS)
    save(done.module, Path("o.pth"))
    assert set(done.errors) == {"body.0.conv", "body.1.conv"}
    assert all(0 < error < 1 for error in done.errors.values())
    written = load(ModelRequest("o.py", checkpoint="o.pth")).materialize()
    expected = rewritten(loaded.materialize(), PROPOSALS).module
    x = torch.randn(1, 3, 9, 9)
    assert torch.equal(written(x), expected.eval()(x))
    with pytest.raises(Problem, match="exists already"):
        save(loaded.module, Path("o.pth"))


SHUFFLED = """import torch
from torch import nn


def build_model():
    torch.manual_seed(0)
    middle = nn.Conv2d(64, 64, 3, padding=1)
    mask = torch.kron(torch.eye(4), torch.ones(16, 16))[torch.randperm(64)][:, torch.randperm(64)]
    middle.weight.data *= mask[:, :, None, None] + 0.02
    return nn.Sequential(nn.Conv2d(3, 64, 3), nn.ReLU(), middle, nn.ReLU(), nn.Conv2d(64, 10, 3)).eval()


example_inputs = torch.zeros(1, 3, 16, 16)
"""


def test_a_written_file_gives_with_the_saved_weights_what_the_reordered_model_gives(target: str) -> None:
    Path(target).write_text(SHUFFLED)
    loaded = load(ModelRequest(target))
    model = study(loaded).model
    assert model is not None
    (proposal,) = (item.proposal for item in model.advised if item.advice.rule == "GRP101" and item.advice.path == "2")
    assert proposal is not None
    inputs = model.count.trace.inputs
    carried = carried_out(loaded, [proposal], model.facts, inputs)
    emit(loaded, [EmittedSwap(proposal, "GRP101")], Path("o.py"), inputs=inputs, carried=carried.module)
    save(carried.module, Path("o.pth"))
    written = load(ModelRequest("o.py", checkpoint="o.pth")).materialize
    assert written is not None
    x = torch.randn(1, 3, 16, 16)
    built, original = written(), loaded.materialize()
    assert torch.equal(built(x), carried.module(x))
    assert (built(x) - original(x)).norm() < 0.1 * original(x).norm()


def test_a_builder_that_keeps_something_beside_its_weights_is_refused(target: str) -> None:
    text = NET.replace("return x + self.conv(x)", "return x + self.conv(x) * self.scale")
    text = text.replace("        self.conv =", "        self.scale = drawn()\n        self.conv =")
    Path(target).write_text(
        f"from random import SystemRandom\n\n{text}\n\ndef drawn():\n    return SystemRandom().random()\n"
    )
    loaded = load(ModelRequest(target))
    inputs = study(loaded).analysis.inputs
    carried = carried_out(loaded, PROPOSALS, inputs=inputs)
    with pytest.raises(Problem, match="with the weights that are saved would give outputs that are off by"):
        emit(loaded, SWAPS, Path("o.py"), inputs=inputs, carried=carried.module)
    assert not Path("o.py").exists()


def test_rewriting_takes_advice_and_leaves_the_model_as_it_was(target: str) -> None:
    model = load(ModelRequest(target)).materialize()
    x = torch.randn(1, 3, 9, 9)
    before = model(x)
    changed = rewrite(model, [advice_for("body.1.conv", GROUPED), FACT])
    assert torch.equal(model(x), before)
    assert changed.body[1].conv.groups == 2
    assert changed.body[0].conv.groups == 1


def test_rewriting_a_layer_twice_is_refused(target: str) -> None:
    advice = advice_for("body.1.conv", GROUPED)
    with pytest.raises(Problem, match="two proposals"):
        rewrite(load(ModelRequest(target)).materialize(), [advice, advice])


ACTIVATING = """import torch
from torch import nn


class NormThenAct(nn.BatchNorm2d):
    def __init__(self, channels):
        super().__init__(channels)
        self.act = nn.SiLU()

    def forward(self, x):
        return self.act(super().forward(x))


def build_model():
    return nn.Sequential(nn.Conv2d(3, 8, 3), NormThenAct(8)).eval()


example_inputs = torch.zeros(1, 3, 8, 8)
"""


def test_a_written_file_keeps_the_activation_of_a_folded_normalization(target: str) -> None:
    Path(target).write_text(ACTIVATING)
    model = study(load(ModelRequest(target))).model
    assert model is not None
    (item,) = (item for item in model.advised if item.advice.rule == "BNM302")
    assert item.proposal is not None
    emit(load(ModelRequest(target)), [EmittedSwap(item.proposal, "BNM302")], Path("o.py"))
    assert "    model[1] = model[1].act\n" in Path("o.py").read_text()
    assert proposal_of(item.advice.replacements) == Proposal(item.proposal.replacements)
    assert repr(load(ModelRequest("o.py")).module) == repr(nn.Sequential(nn.Conv2d(3, 8, 3), nn.SiLU()))


def test_a_link_is_followed_and_stays(tmp_path, monkeypatch, target):
    monkeypatch.chdir(tmp_path)
    Path("kept").mkdir()
    for name in ("o.py", "o.pth"):
        Path(name).symlink_to(Path("kept") / name)
    loaded = load(ModelRequest(target))
    emit(loaded, SWAPS, Path("o.py"))
    save(carried_out(loaded, PROPOSALS).module, Path("o.pth"))
    assert [Path(name).is_symlink() for name in ("o.py", "o.pth")] == [True, True]
    assert sorted(path.name for path in Path("kept").iterdir()) == ["o.pth", "o.py"]


def test_a_pipe_is_not_replaced(tmp_path, monkeypatch, target):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe.py")
    with pytest.raises(Problem, match=r"cannot write pipe\.py: it is a device, a pipe or a socket; name a file"):
        emit(load(ModelRequest(target)), SWAPS, Path("pipe.py"), force=True)
    assert Path("pipe.py").is_fifo()
