"""The command `analyze`: arguments to exit status; the only module that prints, shows progress or exits."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from datetime import date
from io import TextIOWrapper
from pathlib import Path
from shutil import get_terminal_size
from traceback import print_exc
from typing import TYPE_CHECKING, Any

import click
import cloup

from analyzer.command.console import is_terminal, progress_bar
from analyzer.command.options import EPILOG, FORMATTING, with_options
from analyzer.values.errors import Problem, one_line
from analyzer.version import VERSION

if TYPE_CHECKING:
    from analyzer.command.outputs import Wanted
    from analyzer.command.run import CommandRequest
    from analyzer.gating.workers import Listener
    from analyzer.values.results import Analysis

INTERRUPTED = 128 + 2
"""As shells report a process that SIGINT ended."""


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


@cloup.command(
    "analyze",
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
    formatter_settings=FORMATTING,
)
@with_options
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
