"""The command `analyze`: arguments to exit status; the only module that prints, shows progress or exits."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from datetime import date
from io import TextIOWrapper
from pathlib import Path
from shutil import get_terminal_size
from traceback import print_exc
from typing import TYPE_CHECKING, Any

import click
import cloup

from analyzer.command.console import is_terminal, progress_bar
from analyzer.values.errors import Problem, one_line
from analyzer.values.requests import TIMEOUT
from analyzer.values.sweep_rows import COLUMNS
from analyzer.version import VERSION

if TYPE_CHECKING:
    from analyzer.command.outputs import Wanted
    from analyzer.command.run import CommandRequest
    from analyzer.gating.workers import Listener
    from analyzer.values.results import Analysis

INTERRUPTED = 128 + 2
"""As shells report a process that SIGINT ended."""
FORMATTING = cloup.HelpFormatter.settings(max_width=80, col1_max_width=26)
EPILOG = """\b
TARGET is one of
  model.py, model.py:name     a Python file, which is executed
  package.module:name         the same, by import
  torchvision:NAME, timm:NAME, transformers:DIR
  'timm:convnext*', 'models/*.py'     many models: one table, a row for each
  .pth, .pt, .safetensors, .safetensors.index.json       a checkpoint
  .pt2, .pt                   an exported program, a TorchScript archive

\b
A report is markdown (.md), html (.html), json (.json), csv (.csv), text (.txt),
figure (.svg), sarif (.sarif), junit (.xml), or by its name alone: comment,
summary, github, gitlab
  report.md                   markdown, with its figures beside it
  comment:comment.md          what a pull request changed
  json:-                      on stdout

\b
Examples
  analyze model.py --input 1x3x640x640 --output report.md -o report.json
  analyze model.py --checkpoint w.pth --fit macs=50% --save small.pth
  analyze model.py --max-params 25M --against main

Exit status: 0 fine, 1 over a budget, 2 could not analyse, 130 interrupted while fitting, the plan so far written.
"""


def main() -> None:
    """Run the command and exit with its status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal may know fewer characters than reports
    try:
        status = command(standalone_mode=False)
    except click.ClickException as error:
        _fail(f"{error.format_message().rstrip('.')} (analyze --help lists the options)")
    except (click.Abort, KeyboardInterrupt):
        _fail("stopped")
    except Problem as problem:
        _fail(str(problem), problem.example)
    except Exception as error:
        _fail(f"unexpected {one_line(error)} (run again with --debug for the traceback)")
    else:
        sys.exit(status)


def _several(name: str, parameter: str, metavar: str, text: str, *short: str) -> Callable[[Any], Any]:
    return cloup.option(*short, name, parameter, multiple=True, metavar=metavar, help=text)


def _switch(name: str, text: str, *short: str) -> Callable[[Any], Any]:
    return cloup.option(*short, name, is_flag=True, help=text)


def _value(name: str, metavar: str, text: str) -> Callable[[Any], Any]:
    return cloup.option(name, metavar=metavar, help=text)


@cloup.command(
    "analyze",
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
    formatter_settings=FORMATTING,
)
@cloup.argument("targets", nargs=-1, metavar="[TARGET]...")
@cloup.option_group(
    "Model and input",
    _several("--input", "inputs", "SPEC", "1x3x224x224, name=1x128:int64; BATCHx3xHxW names sizes."),
    _several("--set", "settings", "NAME=VALUE", "An argument of the builder."),
    _several("--checkpoint", "checkpoints", "FILE", "Weights; once for each target."),
    _switch("--trust-checkpoint", "Load a checkpoint that pickles code: it will be run."),
    _value("--config", "FILE", "Configuration to use instead of the nearest one."),
    cloup.option(
        "--timeout",
        type=float,
        default=TIMEOUT,
        metavar="SECONDS",
        help="Most time for a model's analysis; 600 by default, 0 for none.",
    ),
)
@cloup.option_group(
    "Reports",
    _several(
        "--output", "outputs", "[FORMAT:]PATH", "Report to write, as its suffix or FORMAT says; - is stdout.", "-o"
    ),
    _switch("--quiet", "No summary on the terminal.", "-q"),
)
@cloup.option_group(
    "Advice",
    _several("--select", "select", "RULES", "Ask these rules only: codes, prefixes, names; commas between."),
    _several("--ignore", "ignore", "RULES", "Do not ask these rules."),
    _value("--explain", "RULE", "Print a rule's documentation."),
    _value("--device-profile", "NAME", "Device profile for bounds and estimates."),
    _several("--apply", "apply", "RULE[=CHOICE][:LAYERS]", "Analyse the model with this advice applied as well."),
    _value("--emit", "FILE", "Write a Python file that builds the rewritten model."),
    _value("--save", "FILE", "Write the rewritten model's state dict, weights carried over."),
    _switch("--force", "Replace files that --init, --emit and --save find in their place."),
)
@cloup.option_group(
    "A smaller trained model",
    _several(
        "--fit", "fit", "METRIC=AMOUNT", "Fit the model to macs=50%, params=5M, size=20MB, latency=3ms; repeatable."
    ),
    _value(
        "--calibrate",
        "FILE",
        "Inputs to measure harm, fit and save with: data.py:function, .pt, .npz, .safetensors, pictures.",
    ),
    _value("--finetune-script", "FILE", "Write a script that trains the fitted model, the original as its teacher."),
)
@cloup.option_group(
    "Other sizes, steps, training, other counters",
    _switch("--symbolic", "Tell costs as exact formulas in batch, resolution and sequence."),
    _several(
        "--at", "at", "SIZES", "Totals at sizes such as batch=1,8,64 or height=width=160:640:32, from one analysis."
    ),
    _switch("--steps", "Tell the state kept between steps, and what a prefill and one more token cost."),
    _value(
        "--training", "OPTIMIZER", "Count a training step and estimate its memory: sgd, sgd-momentum, adam or adamw."
    ),
    _switch("--reconcile", "Tell what other counters print for this model, and why they differ."),
)
@cloup.option_group(
    "Many models",
    cloup.option(
        "--sort",
        metavar="COLUMN",
        type=click.Choice(COLUMNS),
        default="macs",
        help="Order of the rows; macs by default.",
    ),
    _value("--results", "FILE", "Append each row to FILE (JSON lines); the same call goes on from it."),
    cloup.option("--workers", type=click.IntRange(1), metavar="N", help="Most at once; as cores and memory allow."),
)
@cloup.option_group(
    "Gate",
    _value("--max-params", "N", "Budget: parameters, such as 25M."),
    _value("--max-macs", "N", "Budget: multiply-accumulates, such as 4.1G."),
    _value("--max-size", "BYTES", "Budget: bytes of parameters, such as 98MiB."),
    _value("--max-peak-memory", "BYTES", "Budget: most bytes of activations held at once."),
    _value("--against", "REF|FILE", "Compare with a git revision's merge base, or with a JSON report."),
    _switch("--no-base", "Compare with nothing, on purpose: limits on growth are not checked."),
    cloup.option(
        "--broken-base",
        type=click.Choice(("fail", "absolute")),
        help="What a base that cannot be analysed does: fail (2), or leave absolute limits alone to judge.",
    ),
    cloup.option("--comment-key", metavar="KEY", default="default", help="Tells comments of several jobs apart."),
    _switch("--comment-silent", "Leave the comment empty when nothing changed."),
    _switch("--init", "Write analyze.toml with limits at the target's numbers plus headroom."),
)
@cloup.option_group(
    "Timing on this machine, off by default",
    _switch("--latency", "Time the model, its layers and its advice on this machine."),
    cloup.option("--device", metavar="NAME", default="cpu", help="Where to time: cpu, cuda or cuda:1."),
    cloup.option("--threads", type=int, default=1, metavar="N", help="Threads to time with; 1 by default."),
    cloup.option("--batch", type=int, metavar="N", help="Samples to time with."),
    _value("--dtype", "DTYPE", "Data type to time in, such as bfloat16."),
    _switch("--channels-last", "Time with the channels last in memory."),
)
@cloup.option_group(
    "Schemas, errors, version",
    _switch("--json-schema", "Print the schema of the JSON report."),
    _switch("--config-schema", "Print the schema of analyze.toml, for editors."),
    _switch("--debug", "Show the traceback of an error."),
    cloup.version_option(VERSION, "--version", message="analyze %(version)s"),
)
def command(explain: str | None, json_schema: bool, config_schema: bool, **asked: Any) -> None:
    """Count the parameters and FLOPs of PyTorch models, layer by layer, without running them; advise; gate."""
    if json_schema or config_schema:
        from analyzer.config import config_schema as settings
        from analyzer.formats import schema

        click.echo(settings.render() if config_schema else schema.render(), nl=False)
        return
    if explain:
        from analyzer.formats.wording.rule_words import explanation

        click.echo(explanation(explain), nl=False)
        return
    from analyzer.command.arguments import request_of, wanted_of
    from analyzer.command.run import perform
    from analyzer.command.sweeping import is_sweep

    wanted, request = wanted_of(**asked), request_of(**asked)
    if not asked["init"] and is_sweep(request):
        _sweep(request, wanted, asked["quiet"])
        return
    with progress_bar(max(len(request.work.models), 1)) as listen:
        if asked["init"]:
            _initialise(request, listen)
            return
        analyses, directory = perform(request, listen, date.today())
    _tell(analyses, directory, wanted, asked["quiet"])
    if any(analysis.fit and analysis.fit.is_partial for analysis in analyses):
        click.echo(
            "analyze: stopped: fitted with what was measured so far; the report says which budgets hold", err=True
        )
        raise click.exceptions.Exit(INTERRUPTED)
    if any(analysis.verdict == "fail" for analysis in analyses):
        raise click.exceptions.Exit(1)


def _initialise(request: CommandRequest, listen: Listener) -> None:
    from analyzer.command.atomic_write import write_all
    from analyzer.command.run import INITIAL, initial

    text = initial(request, listen)
    write_all({INITIAL: text})
    for line in text.splitlines():
        if line.startswith("# assumed: "):
            click.echo(line.removeprefix("# "), err=True)
    click.echo(f"written to {INITIAL}", err=True)


def _sweep(request: CommandRequest, wanted: Wanted, quiet: bool) -> None:
    """Write the table of many models, then fail with a sentence where some of them have no analysis."""
    from analyzer.command.atomic_write import write_all
    from analyzer.command.outputs import refuse_single_formats, sweep_texts
    from analyzer.command.sweeping import planned_sweep, swept
    from analyzer.formats.terminal import sweep_summary
    from analyzer.formats.wording.sweep_words import failures

    refuse_single_formats(wanted)
    plan = planned_sweep(request, VERSION)
    with progress_bar(len(plan.works)) as listen:
        sweep = swept(plan, listen)
    found = sweep_texts(sweep, wanted)
    on_stdout = found.pop("-", "")
    write_all(found)
    if not quiet and all(path != "-" for _, path in wanted.outputs):
        width = get_terminal_size().columns
        on_stdout = sweep_summary.render(sweep, width, is_terminal(sys.stdout), list(found))
    click.echo(on_stdout, nl=False)
    if sweep.failed:
        raise Problem(f"{failures(sweep)}; the report gives the reason of each")


def _tell(analyses: Sequence[Analysis], directory: Path, wanted: Wanted, quiet: bool) -> None:
    """Write the reports, all or none; then fill stdout, sum up, and add to GitHub's step summary where there is one."""
    from analyzer.command.atomic_write import write_all
    from analyzer.command.outputs import step_summary, texts
    from analyzer.formats.terminal import summary

    found = texts(analyses, wanted, directory)
    on_stdout = found.pop("-", "")
    write_all(found)
    if not quiet and all(path != "-" for _, path in wanted.outputs):
        width = get_terminal_size().columns
        on_stdout = summary.render(analyses, width, is_terminal(sys.stdout), list(found))
    click.echo(on_stdout, nl=False)
    if place := os.environ.get("GITHUB_STEP_SUMMARY"):
        _add_to_summary(place, step_summary(analyses))


def _add_to_summary(place: str, text: str) -> None:
    """The summary is an extra: the verdict stands without it."""
    try:
        with Path(place).open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        reason = (error.strerror or "").lower()
        click.echo(f"analyze: warning: the step's summary cannot be written to {place}: {reason}", err=True)


def _fail(message: str, example: str = "") -> None:
    if "--debug" in sys.argv:
        print_exc()
    from analyzer.formats.wording import log_text

    click.echo(f"analyze: error: {log_text.without_control(message)}", err=True)
    if example:
        click.echo("\n".join(("", *map(log_text.one_line, example.splitlines()))), err=True)
    sys.exit(2)
