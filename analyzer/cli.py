"""The command `analyze`: arguments to exit status; the only module that prints, shows progress or exits."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from shutil import get_terminal_size
from traceback import print_exc
from typing import TYPE_CHECKING, Any, TextIO

import click

from analyzer.problem import Problem
from analyzer.version import VERSION

if TYPE_CHECKING:
    from analyzer.results import Analysis

REPORTS = "reports"
EPILOG = """TARGET is a Python file (model.py, model.py:name), package.module:name, torchvision:NAME, timm:NAME,
transformers:DIR, a checkpoint (.pth, .pt, .safetensors, .safetensors.index.json), an exported program (.pt2) or a
TorchScript archive. A Python file is executed. Exit status: 0 fine, 1 over a budget, 2 could not analyse."""


def main() -> None:
    """Run the command and exit with its status."""
    try:
        command(standalone_mode=False)
    except click.exceptions.Exit as request:
        sys.exit(request.exit_code)
    except click.ClickException as error:
        _fail(f"{error.format_message().rstrip('.')} (analyze --help lists the options)")
    except (click.Abort, KeyboardInterrupt):
        _fail("stopped")
    except Problem as problem:
        _fail(str(problem))
    except Exception as error:
        _fail(f"unexpected {type(error).__name__}: {_first_line(error)} (run again with --debug for the traceback)")


@click.command("analyze", epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("targets", nargs=-1, metavar="TARGET...")
@click.option("--input", "inputs", multiple=True, metavar="SPEC", help="1x3x224x224, 1x128:int64, name=1x128:int64.")
@click.option("--checkpoint", "checkpoints", multiple=True, metavar="FILE", help="Weights; once for each target.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="An argument of the builder.")
@click.option(
    "--output", "outputs", multiple=True, metavar="[FORMAT:]PATH", help="markdown, json, text, figure; - is stdout."
)
@click.option("--trust-checkpoint", is_flag=True, help="Load a checkpoint that pickles code: it will be run.")
@click.option("--reconcile", is_flag=True, help="Ask fvcore, torch and torchvision too, and say why they differ.")
@click.option("--json-schema", is_flag=True, help="Print the schema of the JSON report.")
@click.option("--quiet", is_flag=True, help="No summary on the terminal.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(VERSION, "--version", message="analyze %(version)s")
def command(
    targets: Sequence[str],
    inputs: Sequence[str],
    checkpoints: Sequence[str],
    settings: Sequence[str],
    outputs: Sequence[str],
    trust_checkpoint: bool,
    json_schema: bool,
    quiet: bool,
    debug: bool,  # noqa: ARG001 - it is read from sys.argv, so that it works before arguments are understood
    **options: Any,
) -> None:
    """Count the parameters and FLOPs of PyTorch models, layer by layer, without running them."""
    if json_schema:
        click.echo(_schema(), nl=False)
        return
    if not targets:
        raise Problem("no target given: name a model, such as analyze model.py or analyze torchvision:resnet50")
    wanted = _formats(outputs)
    tasks = _tasks(targets, inputs, checkpoints, settings, trust_checkpoint)
    with _stdout_kept(), _progress(len(tasks)) as report:
        analyses = _with_comparison([_analyse(*task, options, report) for task in tasks])
    written = _write(_files(analyses, wanted))
    if not quiet and not any(path == "-" for _, path in wanted):
        click.echo(_summary(analyses, written), nl=False)


def _schema() -> str:
    from analyzer.formats import schema

    return schema.render()


def _formats(outputs: Sequence[str]) -> list[tuple[str, str]]:
    from analyzer.formats import format_for

    wanted = [format_for(output) for output in outputs]
    paths = [path for _, path in wanted]
    if repeated := next((path for path in paths if paths.count(path) > 1), None):
        raise Problem(f"--output {repeated}: {paths.count(repeated)} reports would go there; give each its own place")
    return wanted


def _tasks(
    targets: Sequence[str], inputs: Sequence[str], checkpoints: Sequence[str], settings: Sequence[str], trust: bool
) -> list[tuple[str, dict[str, Any]]]:
    """Each target with what `load` needs to know."""
    if checkpoints and len(checkpoints) != len(targets):
        counts = f"{len(targets)} targets and {len(checkpoints)} checkpoints"
        raise Problem(f"{counts}: give --checkpoint once for each target, in their order")
    shared = {"inputs": inputs, "settings": dict(map(_pair, settings)), "trust": trust}
    given: Sequence[str | None] = checkpoints or [None] * len(targets)
    return [(target, {**shared, "checkpoint": file}) for target, file in zip(targets, given, strict=True)]


def _pair(setting: str) -> tuple[str, str]:
    name, equals, value = setting.partition("=")
    if not equals or not name:
        raise Problem(f"--set {setting}: write it as NAME=VALUE, such as --set num_classes=10")
    return name, value


def _analyse(target: str, loading: dict[str, Any], options: dict[str, Any], report: Callable[[str], None]) -> Analysis:
    from analyzer.loading import load
    from analyzer.loading.subject import Subject
    from analyzer.pipeline import Options, analyze_stored, analyze_subject

    report(f"{target}: loading")
    loaded = load(target, **loading)
    if isinstance(loaded, Subject):
        return analyze_subject(loaded, Options(**options), report)
    return analyze_stored(target, loaded)


def _with_comparison(analyses: list[Analysis]) -> list[Analysis]:
    """Several analyses get distinct names, and each the table of all."""
    if len(analyses) < 2:
        return analyses
    from analyzer.comparing import compare, distinct

    named = distinct(analyses)
    rows = compare(named)
    return [replace(analysis, comparison=rows) for analysis in named]


def _files(analyses: list[Analysis], wanted: list[tuple[str, str]]) -> dict[str, str]:
    """Every file to write, text by path: what --output asks for, else markdown reports."""
    from analyzer.formats import default_files, files

    if not wanted:
        return default_files(analyses, REPORTS)
    return {path: text for name, spec in wanted for path, text in files(analyses, name, spec).items()}


def _write(texts: dict[str, str]) -> list[str]:
    """Write all files or none, then fill stdout."""
    from analyzer.writing import write_all

    on_stdout = texts.pop("-", "")
    write_all(texts)
    click.echo(on_stdout, nl=False)
    return list(texts)


def _summary(analyses: list[Analysis], written: list[str]) -> str:
    from analyzer.formats import terminal

    look: dict[str, Any] = {"colour": _is_terminal(sys.stdout), "width": get_terminal_size().columns}
    if len(analyses) == 1:
        return terminal.render(analyses[0], written=written, **look)
    return terminal.render_comparison(analyses, written=written, **look)


@contextmanager
def _stdout_kept() -> Iterator[None]:
    """Keep stdout for reports: what the model's code prints, and what its child processes do, goes to stderr."""
    if sys.stdout is None or sys.stderr is None:  # closed by the caller
        yield
        return
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


@contextmanager
def _progress(targets: int) -> Iterator[Callable[[str], None]]:
    """A spinner on stderr saying what is under way, when stderr is a terminal."""
    if not _is_terminal(sys.stderr):
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("starting", total=targets)
        yield lambda text: progress.update(task, description=text, advance=text.endswith(": loading"))


def _is_terminal(stream: TextIO | None) -> bool:
    """False also for a stream that the caller closed."""
    return stream is not None and stream.isatty()


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [""])[0]


def _fail(message: str) -> None:
    if "--debug" in sys.argv:
        print_exc()
    click.echo(f"analyze: error: {message}", err=True)
    sys.exit(2)
