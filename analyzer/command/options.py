"""The options of the command, in the groups of its help."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click
import cloup

from analyzer.values.requests import TIMEOUT
from analyzer.values.sweep_rows import COLUMNS
from analyzer.version import VERSION

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


def _several(name: str, parameter: str, metavar: str, text: str, *short: str) -> Callable[[Any], Any]:
    return cloup.option(*short, name, parameter, multiple=True, metavar=metavar, help=text)


def _switch(name: str, text: str, *short: str) -> Callable[[Any], Any]:
    return cloup.option(*short, name, is_flag=True, help=text)


def _value(name: str, metavar: str, text: str) -> Callable[[Any], Any]:
    return cloup.option(name, metavar=metavar, help=text)


OPTIONS = (
    cloup.argument("targets", nargs=-1, metavar="[TARGET]..."),
    cloup.option_group(
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
    ),
    cloup.option_group(
        "Reports",
        _several(
            "--output", "outputs", "[FORMAT:]PATH", "Report to write, as its suffix or FORMAT says; - is stdout.", "-o"
        ),
        _switch("--quiet", "No summary on the terminal.", "-q"),
    ),
    cloup.option_group(
        "Advice",
        _several("--select", "select", "RULES", "Ask these rules only: codes, prefixes, names; commas between."),
        _several("--ignore", "ignore", "RULES", "Do not ask these rules."),
        _value("--explain", "RULE", "Print a rule's documentation."),
        _value("--device-profile", "NAME", "Device profile for bounds and estimates."),
        _several("--apply", "apply", "RULE[=CHOICE][:LAYERS]", "Analyse the model with this advice applied as well."),
        _value("--emit", "FILE", "Write a Python file that builds the rewritten model."),
        _value("--save", "FILE", "Write the rewritten model's state dict, weights carried over."),
        _switch("--force", "Replace files that --init, --emit and --save find in their place."),
    ),
    cloup.option_group(
        "A smaller trained model",
        _several(
            "--fit", "fit", "METRIC=AMOUNT", "Fit the model to macs=50%, params=5M, size=20MB, latency=3ms; repeatable."
        ),
        _value(
            "--calibrate",
            "FILE",
            "Inputs to measure harm, fit and save with: data.py:function, .pt, .npz, .safetensors, pictures.",
        ),
        _value(
            "--finetune-script", "FILE", "Write a script that trains the fitted model, the original as its teacher."
        ),
    ),
    cloup.option_group(
        "Other sizes, steps, training, other counters",
        _switch("--symbolic", "Tell costs as exact formulas in batch, resolution and sequence."),
        _several(
            "--at", "at", "SIZES", "Totals at sizes such as batch=1,8,64 or height=width=160:640:32, from one analysis."
        ),
        _switch("--steps", "Tell the state kept between steps, and what a prefill and one more token cost."),
        _value(
            "--training",
            "OPTIMIZER",
            "Count a training step and estimate its memory: sgd, sgd-momentum, adam or adamw.",
        ),
        _switch("--reconcile", "Tell what other counters print for this model, and why they differ."),
    ),
    cloup.option_group(
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
    ),
    cloup.option_group(
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
    ),
    cloup.option_group(
        "Timing on this machine, off by default",
        _switch("--latency", "Time the model, its layers and its advice on this machine."),
        cloup.option("--device", metavar="NAME", default="cpu", help="Where to time: cpu, cuda or cuda:1."),
        cloup.option("--threads", type=int, default=1, metavar="N", help="Threads to time with; 1 by default."),
        cloup.option("--batch", type=int, metavar="N", help="Samples to time with."),
        _value("--dtype", "DTYPE", "Data type to time in, such as bfloat16."),
        _switch("--channels-last", "Time with the channels last in memory."),
    ),
    cloup.option_group(
        "Schemas, errors, version",
        _switch("--json-schema", "Print the schema of the JSON report."),
        _switch("--config-schema", "Print the schema of analyze.toml, for editors."),
        _switch("--debug", "Show the traceback of an error."),
        cloup.version_option(VERSION, "--version", message="analyze %(version)s"),
    ),
)
"""Decorators of the command, in the order of its help."""


def with_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with all options as its parameters."""
    for decorate in reversed(OPTIONS):
        function = decorate(function)
    return function
