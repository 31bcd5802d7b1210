"""The command `analyze`: arguments to exit status; the only module that prints, shows progress or exits."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from shutil import get_terminal_size
from traceback import print_exc
from typing import TYPE_CHECKING, Any

import click

from analyzer.console import is_terminal, progress, stdout_kept
from analyzer.problem import Problem
from analyzer.version import VERSION

if TYPE_CHECKING:
    from analyzer.results import Analysis
    from analyzer.session import Request

REPORTS = "reports"
LIMITS = ("params", "macs", "size", "peak-memory")
EPILOG = """TARGET is a Python file (model.py, model.py:name), package.module:name, torchvision:NAME, timm:NAME,
transformers:DIR, a checkpoint (.pth, .pt, .safetensors, .safetensors.index.json), an exported program (.pt2) or a
TorchScript archive. A Python file is executed. Exit status: 0 fine, 1 over a budget, 2 could not analyse."""


def main() -> None:
    """Run the command and exit with its status."""
    try:
        status = command(standalone_mode=False)
    except click.ClickException as error:
        _fail(f"{error.format_message().rstrip('.')} (analyze --help lists the options)")
    except (click.Abort, KeyboardInterrupt):
        _fail("stopped")
    except Problem as problem:
        _fail(str(problem))
    except Exception as error:
        _fail(f"unexpected {type(error).__name__}: {_first_line(error)} (run again with --debug for the traceback)")
    else:
        sys.exit(status)


def _several(name: str, parameter: str, metavar: str, text: str) -> Callable[[Any], Any]:
    return click.option(name, parameter, multiple=True, metavar=metavar, help=text)


def _switch(name: str, text: str) -> Callable[[Any], Any]:
    return click.option(name, is_flag=True, help=text)


def _value(name: str, metavar: str, text: str) -> Callable[[Any], Any]:
    return click.option(name, metavar=metavar, help=text)


@click.command("analyze", epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("targets", nargs=-1, metavar="[TARGET]...")
@_several("--input", "inputs", "SPEC", "1x3x224x224, 1x128:int64, name=1x128:int64.")
@_several("--checkpoint", "checkpoints", "FILE", "Weights; once for each target.")
@_several("--set", "settings", "NAME=VALUE", "An argument of the builder.")
@_several("--output", "outputs", "[FORMAT:]PATH", "Report to write, as its suffix or FORMAT says; - is stdout.")
@_several("--select", "select", "RULES", "Ask these rules only: codes, prefixes, names; commas between.")
@_several("--ignore", "ignore", "RULES", "Do not ask these rules.")
@_value("--explain", "RULE", "Print a rule's documentation.")
@_value("--device-profile", "NAME", "Device that bounds are told for.")
@_several("--apply", "apply", "RULE[:LAYERS]", "Analyse the model with this advice applied beside the original.")
@_value("--emit", "FILE", "Write a Python file that builds the rewritten model.")
@_value("--save", "FILE", "Write the rewritten model's state dict, weights carried over.")
@_value("--max-params", "N", "Budget: parameters, such as 25M.")
@_value("--max-macs", "N", "Budget: multiply-accumulates, such as 4.1G.")
@_value("--max-size", "BYTES", "Budget: bytes of parameters, such as 98MiB.")
@_value("--max-peak-memory", "BYTES", "Budget: most bytes of activations held at once.")
@_value("--against", "REF|FILE", "Compare with a git revision's merge base, or with a JSON report.")
@_value("--config", "FILE", "Configuration to use instead of the nearest one.")
@click.option("--comment-key", metavar="KEY", default="default", help="Tells comments of several jobs apart.")
@_switch("--comment-silent", "Leave the comment empty when nothing changed.")
@_switch("--init", "Write analyze.toml with limits at the target's numbers plus headroom.")
@_switch("--reconcile", "Ask fvcore, torch and torchvision too, and say why they differ.")
@_switch("--trust-checkpoint", "Load a checkpoint that pickles code: it will be run.")
@_switch("--force", "Replace files that --init, --emit and --save find in their place.")
@_switch("--json-schema", "Print the schema of the JSON report.")
@_switch("--quiet", "No summary on the terminal.")
@_switch("--debug", "Show the traceback of an error.")
@click.option("--no-gate", is_flag=True, hidden=True)
@click.version_option(VERSION, "--version", message="analyze %(version)s")
def command(explain: str | None, json_schema: bool, **asked: Any) -> None:
    """Count the parameters and FLOPs of PyTorch models, layer by layer, without running them; advise; gate."""
    if json_schema or explain:
        click.echo(_schema() if json_schema else _explained(str(explain)), nl=False)
        return
    wanted = _formats(asked["outputs"])
    request = _request(**asked)
    with stdout_kept(), progress(max(len(request.targets), 1)) as report:
        analyses = _with_comparison(_perform(request, report, asked["init"]))
    comment = {"key": asked["comment_key"], "silent": asked["comment_silent"]}
    _tell(analyses, wanted, comment, asked["quiet"])
    if any(analysis.verdict == "fail" for analysis in analyses):
        raise click.exceptions.Exit(1)


def _request(
    targets: Sequence[str], settings: Sequence[str], select: Sequence[str], ignore: Sequence[str], **asked: Any
) -> Request:
    from analyzer.session import Request

    names = (
        "inputs",
        "checkpoints",
        "reconcile",
        "device_profile",
        "against",
        "config",
        "apply",
        "emit",
        "save",
        "force",
    )
    return Request(
        targets=tuple(targets),
        settings=dict(map(_pair, settings)),
        trust=asked["trust_checkpoint"],
        select=tuple(_words(select)),
        ignore=tuple(_words(ignore)),
        limits={metric: asked[f"max_{metric.replace('-', '_')}"] for metric in LIMITS},
        gated=not asked["no_gate"],
        **{name: asked[name] for name in names},
    )


def _words(texts: Sequence[str]) -> Iterator[str]:
    return (word for text in texts for word in text.replace(",", " ").split())


def _pair(setting: str) -> tuple[str, str]:
    name, equals, value = setting.partition("=")
    if not equals or not name:
        raise Problem(f"--set {setting}: write it as NAME=VALUE, such as --set num_classes=10")
    return name, value


def _perform(request: Request, report: Callable[[str], None], init: bool) -> list[Analysis]:
    """The analyses; none for --init, which writes its file."""
    from datetime import date

    from analyzer.session import INITIAL, initial, perform
    from analyzer.writing import write_all

    if not init:
        return perform(request, report, date.today())
    write_all({INITIAL: initial(request, report)})
    return []


def _tell(analyses: list[Analysis], wanted: list[tuple[str, str]], comment: dict[str, Any], quiet: bool) -> None:
    """Write the reports, add to GitHub's step summary where there is one, and sum up on the terminal."""
    if not analyses:
        click.echo("written to analyze.toml")
        return
    written = _write(_files(analyses, wanted, comment))
    _add_to_step_summary(analyses)
    if not quiet and not any(path == "-" for _, path in wanted):
        click.echo(_summary(analyses, written), nl=False)


def _add_to_step_summary(analyses: list[Analysis]) -> None:
    """Only for a gate: the file is the workflow's, and a plain analysis has no business there."""
    place = os.environ.get("GITHUB_STEP_SUMMARY")
    if not place or not any(analysis.verdict for analysis in analyses):
        return
    from analyzer.formats import FORMATS

    text = FORMATS["summary"].render_comparison(analyses) if len(analyses) > 1 else FORMATS["summary"].render(*analyses)
    with Path(place).open("a", encoding="utf-8") as file:
        file.write(text)


def _schema() -> str:
    from analyzer.formats import schema

    return schema.render()


def _explained(rule: str) -> str:
    from analyzer.rules import explain

    return explain(rule)


def _formats(outputs: Sequence[str]) -> list[tuple[str, str]]:
    from analyzer.formats import format_for

    return [format_for(output) for output in outputs]


def _with_comparison(analyses: list[Analysis]) -> list[Analysis]:
    """Several analyses get distinct names, and each the table of all."""
    if len(analyses) < 2:
        return analyses
    from analyzer.comparing import compare, distinct

    named = distinct(analyses)
    rows = compare(named)
    return [replace(analysis, comparison=rows) for analysis in named]


def _files(analyses: list[Analysis], wanted: list[tuple[str, str]], comment: dict[str, Any]) -> dict[str, str]:
    """Every file to write, text by path: what --output asks for, else markdown reports."""
    from analyzer.formats import OPTIONS, default_files, files

    if not wanted:
        return default_files(analyses, REPORTS)
    needs_folder = any("folder" in OPTIONS.get(name, ()) for name, _ in wanted)
    options = {"folder": _folder() if needs_folder else "", **comment}
    return {path: text for name, spec in wanted for path, text in files(analyses, name, spec, **options).items()}


def _folder() -> str:
    """The working directory as seen from the root of its repository; empty outside one."""
    from analyzer.gating.repository import folder_of

    return folder_of(Path.cwd())


def _write(texts: dict[str, str]) -> list[str]:
    """Write all files or none, then fill stdout."""
    from analyzer.writing import write_all

    on_stdout = texts.pop("-", "")
    write_all(texts)
    click.echo(on_stdout, nl=False)
    return list(texts)


def _summary(analyses: list[Analysis], written: list[str]) -> str:
    from analyzer.formats import terminal

    look: dict[str, Any] = {"colour": is_terminal(sys.stdout), "width": get_terminal_size().columns}
    if len(analyses) == 1:
        return terminal.render(analyses[0], written=written, **look)
    return terminal.render_comparison(analyses, written=written, **look)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [""])[0]


def _fail(message: str) -> None:
    if "--debug" in sys.argv:
        print_exc()
    click.echo(f"analyze: error: {message}", err=True)
    sys.exit(2)
