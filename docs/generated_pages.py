"""The pages of the documentation that are made of the package: rules, configuration, the command, the gallery."""

import os
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from inspect import cleandoc
from pathlib import Path
from typing import Final

import click
import msgspec
from sphinx.pycode import ModuleAnalyzer

from analyzer.cli import command
from analyzer.config.checks import ALLOWED, STRUCTS
from analyzer.config.config_schema import AMOUNTS
from analyzer.config.tables import Increase, Percent
from analyzer.formats.wording.rule_words import explanation
from analyzer.rules import EXACT, FACTS, RESTRUCTURINGS, slug
from analyzer.rules.rule import Rule

GALLERY: Final = {
    "resnet50": "the textbook case: bottlenecks of three convolutions",
    "mobilenet_v3_large": "depthwise-separable already: little is left to advise",
    "efficientnet_b0": "squeeze and excitation; memory-bound on most devices",
    "convnext_tiny": "large depthwise kernels",
    "googlenet": "branches side by side, auxiliary heads that inference does not run",
    "densenet121": "concatenations, and activations that stay alive for long",
    "vit_b_16": "attention: no convolution but the first",
    "swin_t": "windows and shifts",
    "deeplabv3_resnet50": "dilation, and taps that read only padding",
    "r3d_18": "three-dimensional convolutions over video",
}
"""Names of torchvision's registry, and what is to be seen."""
SHARE: Final = AMOUNTS[Percent]["description"]
HEADINGS: Final = {
    "": "The file",
    "models": "`[[models]]`",
    "budgets": "`[[models.budgets]]`",
    "max-increase": "`max-increase`",
    "override": "`override`",
}


def write(docs: Path) -> None:
    """All of them into `docs/generated`; the gallery's reports into `docs/_build/gallery/reports`."""
    pages = {"command": _command(), "configuration": _configuration(), "rules/index": _rules()}
    pages |= {f"rules/{rule.CODE}": explanation(rule.CODE) for rule in (*RESTRUCTURINGS, *EXACT, *FACTS)}
    pages["gallery"] = _gallery(docs / "_build" / "gallery" / "reports")
    for name, text in pages.items():
        path = docs / "generated" / f"{name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text() != text:  # Sphinx reads again what is newer
            path.write_text(text)


def _rules() -> str:
    kinds = {
        "Changes that need retraining": RESTRUCTURINGS,
        "Changes that leave the output as it is": EXACT,
        "Facts": FACTS,
    }
    opening = (
        "`analyze model.py --explain CODE` prints the same; `--select` and `--ignore` take codes, prefixes and names."
    )
    parts = [f"## {title}\n\n{_rule_table(rules)}" for title, rules in kinds.items()]
    codes = "\n".join(rule.CODE for rules in kinds.values() for rule in rules)
    contents = f"```{{toctree}}\n:hidden:\n\n{codes}\n```"
    return "\n\n".join(("# Rules", opening, *parts, contents)) + "\n"


def _rule_table(rules: Iterable[Rule]) -> str:
    rows = ((f"[{rule.CODE}]({rule.CODE}.md)", slug(rule), _first_line(rule.__doc__)) for rule in rules)
    return _table(("code", "name", "what it says"), rows)


def _command() -> str:
    context = command.make_context("analyze", [], resilient_parsing=True)
    described = "\n\n".join(_option_group(group.title, group.options) for group in command.option_groups)
    usage = f"```text\n{command.get_help(context)}\n```"
    return "\n\n".join(("# The command", described, COMPLETION, "## As printed by `analyze --help`", usage)) + "\n"


def _option_group(title: str, options: Iterable[click.Option]) -> str:
    rows = ((f"`{', '.join(option.opts)}{_metavar(option)}`", option.help or "") for option in options)
    return f"## {title}\n\n{_table(('option', 'what it does'), rows)}"


def _metavar(option: click.Option) -> str:
    return "" if option.is_flag else f" {option.make_metavar(click.Context(command))}"


COMPLETION: Final = """## Completion in the shell

`analyze` completes its options. Once for each session, or in the file that the shell reads at its start:

```sh
eval "$(_ANALYZE_COMPLETE=bash_source analyze)"        # ~/.bashrc
eval "$(_ANALYZE_COMPLETE=zsh_source analyze)"         # ~/.zshrc
_ANALYZE_COMPLETE=fish_source analyze | source         # ~/.config/fish/completions/analyze.fish
```"""


def _configuration() -> str:
    documented = ModuleAnalyzer.for_module("analyzer.config.tables").find_attr_docs()
    parts = [_config_table(HEADINGS[key], struct, documented) for key, struct in STRUCTS.items()]
    return "\n\n".join(("# Configuration", CONFIGURATION, *parts)) + "\n"


CONFIGURATION: Final = """`analyze` reads the nearest `analyze.toml`, `[tool.analyze]` in `pyproject.toml` or
`[analyze]` in `setup.cfg`; `--config FILE` names another. A key that is not listed here is an error.
`analyze --config-schema` prints the same as a JSON schema, with which editors check and complete the file."""


def _config_table(title: str, struct: type[msgspec.Struct], documented: dict[tuple[str, str], list[str]]) -> str:
    homes = [home.__name__ for home in struct.__mro__]
    rows = (
        (f"`{field.encode_name}`", _allowed(struct, field), _default(field), _told(field.name, homes, documented))
        for field in msgspec.structs.fields(struct)
        if field.name != "file"
    )
    return (
        f"## {title}\n\n{cleandoc(struct.__doc__ or '')}\n\n{_table(('key', 'value', 'default', 'what it says'), rows)}"
    )


def _allowed(struct: type[msgspec.Struct], field: msgspec.structs.FieldInfo) -> str:
    """Of `max-increase` the metrics are shares, which elsewhere are amounts."""
    is_share = struct is Increase and field.name != "min"
    return SHARE if is_share else ALLOWED.get(field.encode_name, "a text")


def _told(name: str, homes: list[str], documented: dict[tuple[str, str], list[str]]) -> str:
    """The text that stands below the field in its class or in one that the class is made of."""
    return next((" ".join(documented[home, name]).strip() for home in homes if (home, name) in documented), "")


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "required"
    value = field.default if field.default is not msgspec.NODEFAULT else None
    return f"`{value!r}`" if value not in (None, "", (), {}) else ""


def _gallery(folder: Path) -> str:
    """Each report is made by the command, as a user would."""
    folder.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda name: _write_report(name, folder / f"{name}.html"), GALLERY))
    rows = ((f'<a href="reports/{name}.html">{name}</a>', seen) for name, seen in GALLERY.items())
    return f"# Gallery\n\n{GALLERY_OPENING}\n\n{_table(('report', 'what is to be seen'), rows)}\n"


def _write_report(name: str, path: Path) -> None:
    arguments = (f"torchvision:{name}", "--symbolic", "--quiet", "--output", path)
    subprocess.run([sys.executable, "-m", "analyzer", *arguments], check=True)


GALLERY_OPENING: Final = """Interactive reports of ten of torchvision's models, each one file that needs no network, as
`analyze torchvision:NAME --output NAME.html` writes it."""


def _first_line(text: str | None) -> str:
    return (text or "").strip().splitlines()[0]


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [[cell.replace("|", r"\|") for cell in line] for line in (heads, *rows)]
    ruled = [f"| {' | '.join(line)} |" for line in lines]
    return "\n".join((ruled[0], "|" + ":--|" * len(lines[0]), *ruled[1:]))
