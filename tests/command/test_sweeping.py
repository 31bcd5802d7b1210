"""Many models: how many workers run at once, what becomes a row, and what counts as another option."""

from pathlib import Path

import pytest

from analyzer.command import sweeping
from analyzer.command.run import CommandRequest, GateOptions, SweepOptions
from analyzer.command.sweeping import WORKER_BYTES, admission, is_sweep, planned_sweep, swept
from analyzer.values.counts import Model, Total, Tracing
from analyzer.values.errors import Problem
from analyzer.values.requests import NO_MODEL, ModelRequest, WorkRequest
from analyzer.values.results import Analysis
from analyzer.values.sweep_rows import PublishedAccuracy


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def request(*targets: str, given: ModelRequest = NO_MODEL, **options) -> CommandRequest:
    work = WorkRequest(tuple(map(ModelRequest, targets)))
    return CommandRequest(work, given, None, GateOptions(), SweepOptions(**options))


@pytest.fixture
def analysed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers are done at once, the last first, and have nothing but a name; those of bad* fail."""

    def run_each(jobs, take, may_start, listen) -> None:
        for number, job in reversed([*enumerate(jobs)]):
            (model,) = job.request.models
            name, total = model.target.partition(":")[2], Total(1, 1, 0, 4, macs=len(model.target))
            found = Analysis(
                analyzer_version="1", model=Model(name, name, ""), inputs=(), tracing=Tracing("meta", 1), total=total,
                complete=True,
            )  # fmt: skip
            take(number, Problem("odd") if model.target.startswith("bad") else (found,))

    monkeypatch.setattr(sweeping, "run_each", run_each)


@pytest.mark.parametrize(
    ("cores", "asked", "free", "expected"),
    [
        (4, None, None, 4),
        (4, 2, None, 2),
        (2, 8, None, 8),
        (4, None, 3 * WORKER_BYTES, 3),
        (4, 3, WORKER_BYTES // 2, 1),
    ],
)
def test_as_many_workers_as_asked_for_or_cores_as_far_as_memory_allows(
    monkeypatch: pytest.MonkeyPatch, cores: int, asked: int | None, free: int | None, expected: int
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    monkeypatch.setattr("analyzer.loading.available_memory.free_memory", lambda: free)
    may_start = admission(asked)
    # The first always starts; run_each does not ask.
    assert next(running for running in range(1, 99) if not may_start(running)) == expected


def test_no_further_worker_while_memory_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    left = [8 * WORKER_BYTES]
    monkeypatch.setattr("analyzer.loading.available_memory.free_memory", lambda: left[-1])
    may_start = admission(4)
    assert may_start(1)
    left.append(WORKER_BYTES - 1)
    assert not may_start(1)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [(request("timm:res*"), True), (request("net.py", results="r.jsonl"), True), (request("net.py", "b.py"), False)],
)
def test_a_glob_or_a_results_file_makes_a_sweep(asked: CommandRequest, expected: bool) -> None:
    assert is_sweep(asked) is expected


def rows(*targets: str, **options) -> list[tuple[str, int | None, PublishedAccuracy | None, str]]:
    sweep = swept(planned_sweep(request(*targets, **options), "1"), lambda _: None)
    return [(row.target, row.macs, row.accuracy, row.failure) for row in sweep.rows]


def test_accuracy_is_what_the_installed_weights_state(analysed) -> None:
    accuracies = {
        target: accuracy for target, _, accuracy, _ in rows("torchvision:resnet18", "timm:resnet18", "bad.py")
    }
    assert accuracies == {
        "torchvision:resnet18": PublishedAccuracy(69.758, "ImageNet-1K acc@1"),
        "timm:resnet18": None,
        "bad.py": None,
    }


@pytest.mark.parametrize("given", [ModelRequest("", ("1x3x8x8",)), ModelRequest("", settings={"num_classes": "10"})])
def test_no_accuracy_for_another_input_or_another_model(analysed, given: ModelRequest) -> None:
    ((_, _, accuracy, _),) = rows("torchvision:resnet18", given=given)
    assert accuracy is None


def test_rows_do_not_depend_on_the_order_of_ends(analysed) -> None:
    found = [target for target, *_ in rows("c:bb", "a:b", "bad:b", "a:bb", sort="macs", results="r.jsonl")]
    assert found == ["a:b", "a:bb", "c:bb", "bad:b"]
    assert [target for target, *_ in rows("a:bb", "new:b", results="r.jsonl")] == ["a:bb", "new:b"]


def test_another_configuration_or_device_is_another_option(analysed) -> None:
    rows("a:b", results="r.jsonl")
    Path("analyze.toml").write_text('[[models]]\ntarget = "net.py"\n')
    with pytest.raises(Problem, match="its option configuration is not given"):
        rows("a:b", results="r.jsonl")
