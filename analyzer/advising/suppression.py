"""Comments in a model's source that silence advice: `# analyze: ignore[CODE, CODE] reason`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from tokenize import COMMENT, TokenError, TokenInfo, generate_tokens

from analyzer.rules import matching
from analyzer.rules.rule import Rule
from analyzer.values.advice import Advice
from analyzer.values.errors import Problem

PATTERN = re.compile(r"#\s*analyze:\s*ignore\b(?:\[([^\]]*)\])?")

Read = Callable[[str], str | None]
"""From a file's name to its text; None when it cannot be read."""


@dataclass(frozen=True, slots=True)
class Ignore:
    """One comment: the names in it, and the line that it speaks of."""

    file: str
    line: int
    """Its own line, or the next one when it stands alone."""
    names: tuple[str, ...]
    """Codes, prefixes of codes or rules' names."""
    written: int
    """The line on which it stands."""

    def silences(self, advice: Advice) -> bool:
        is_here = (advice.file, advice.line) == (self.file, self.line)
        return is_here and any(advice.rule in _codes(name) for name in self.names)


def ignores(files: Iterable[str], read: Read) -> tuple[Ignore, ...]:
    """The comments in these files, by file and line; a file that is not Python ends where it stops being so."""
    return tuple(ignore for file in sorted(set(files)) for ignore in _in_file(file, read(file) or ""))


def is_silenced(advice: Advice, comments: Iterable[Ignore]) -> bool:
    """Whether a comment on the line that made the layer names the rule."""
    return any(comment.silences(advice) for comment in comments)


def unused(comments: Iterable[Ignore], advice: Sequence[Advice], rules: Iterable[Rule]) -> tuple[str, ...]:
    """A sentence for each name in a comment that silences nothing, though its rules were asked.

    `advice` is all that they said, the silenced included.
    """
    asked = {rule.CODE for rule in rules}
    return tuple(sentence for comment in comments for sentence in _idle(comment, advice, asked))


def _idle(comment: Ignore, advice: Sequence[Advice], asked: set[str]) -> Iterator[str]:
    where = f"{comment.file}:{comment.written}"
    if not comment.names:
        yield f"{where}: this comment names no rule: write it as # analyze: ignore[CODE]"
    here = {item.rule for item in advice if (item.file, item.line) == (comment.file, comment.line)}
    for name in comment.names:
        try:
            codes = {rule.CODE for rule in matching(name)}
        except Problem as problem:
            yield f"{where}: {problem}"
            continue
        if not codes & here and codes <= asked:
            yield f"{where}: ignore[{name}] silences nothing; remove it"


def _codes(name: str) -> frozenset[str]:
    try:
        return frozenset(rule.CODE for rule in matching(name))
    except Problem:
        return frozenset()


def _in_file(file: str, text: str) -> Iterator[Ignore]:
    for token in _comments(text):
        if found := PATTERN.match(token.string):
            row, column = token.start
            is_alone = not token.line[:column].strip()
            names = tuple(name.strip() for name in (found[1] or "").split(",") if name.strip())
            yield Ignore(file, row + is_alone, names, row)


def _comments(text: str) -> Iterator[TokenInfo]:
    try:
        yield from (token for token in generate_tokens(StringIO(text).readline) if token.type == COMMENT)
    except (TokenError, SyntaxError):
        return
