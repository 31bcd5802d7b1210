from dataclasses import replace

import pytest

from analyzer.advising.suppression import ignores, is_silenced, unused
from analyzer.rules import RULES, selected
from analyzer.values.advice import Advice

ADVICE = Advice("SEP101", "", "conv", "note", "retrain", "", None, None, None, None, file="net.py", line=2)

LINE = "self.conv = nn.Conv2d(64, 64, 3)"


def comments(text):
    return ignores(["net.py"], {"net.py": text}.get)


NOT_SILENCED = {
    "no comment": LINE,
    "another code": f"{LINE}  # analyze: ignore[GRP101] a reason",
    "another code of the same prefix": f"{LINE}  # analyze: ignore[SEP102]",
    "no code": f"{LINE}  # analyze: ignore",
    "empty brackets": f"{LINE}  # analyze: ignore[]",
    "in a string": f"{LINE}; note = '# analyze: ignore[SEP101]'",
    "a comment of another tool": f"{LINE}  # type: ignore[SEP101]",
    "another word": f"{LINE}  # analyze: ignored[SEP101]",
    "on the line before": "x = 1",
}


@pytest.mark.parametrize("line", NOT_SILENCED.values(), ids=NOT_SILENCED.keys())
def test_not_silenced(line):
    first = "y = 1  # analyze: ignore[SEP101]" if line == "x = 1" else "import torch"
    assert not is_silenced(ADVICE, comments(f"{first}\n{line}\n"))


SILENCED = {
    "its code": f"{LINE}  # analyze: ignore[SEP101] measured: slower",
    "one of several": f"{LINE}  # analyze: ignore[GRP101, SEP101]",
    "a prefix": f"{LINE}  # analyze: ignore[SEP]",
    "its name": f"{LINE}  # analyze: ignore[depthwise-separable]",
    "small letters": f"{LINE}  #analyze:ignore[sep101]",
    "inside a call that goes on": "self.conv = nn.Conv2d(  # analyze: ignore[SEP101]\n    64, 64, 3)",
}


@pytest.mark.parametrize("line", SILENCED.values(), ids=SILENCED.keys())
def test_silenced(line):
    assert is_silenced(ADVICE, comments(f"import torch\n{line}\n"))


def test_a_comment_that_stands_alone_speaks_of_the_next_line():
    text = f"# analyze: ignore[SEP101] measured\n{LINE}\n"
    assert is_silenced(ADVICE, comments(text))
    assert not is_silenced(replace(ADVICE, line=1), comments(text))


@pytest.mark.parametrize("where", [{"line": 3}, {"file": "other.py"}, {"file": None, "line": None}])
def test_advice_elsewhere_is_left(where):
    assert not is_silenced(replace(ADVICE, **where), comments(f"\n{LINE}  # analyze: ignore[SEP101]\n"))


@pytest.mark.parametrize("text", [None, "", "def f(:\n", "x = '''\n", "if x:\n    y\n  z\n"])
def test_files_that_cannot_be_read_or_are_not_python_hold_no_comments(text):
    assert ignores(["net.py"], {"net.py": text}.get) == ()


def test_comments_before_the_damage_count():
    assert is_silenced(ADVICE, comments(f"\n{LINE}  # analyze: ignore[SEP101]\nx = '''\n"))


def test_each_file_is_read_once():
    read = []
    ignores(["b.py", "a.py", "b.py"], read.append)
    assert read == ["a.py", "b.py"]


UNUSED = {
    "used": ("ignore[SEP101]", ()),
    "the prefix is used": ("ignore[SEP]", ()),
    "another rule": ("ignore[GRP101]", ("net.py:2: ignore[GRP101] silences nothing; remove it",)),
    "one of two": ("ignore[SEP101, RUN]", ("net.py:2: ignore[RUN] silences nothing; remove it",)),
    "no name": ("ignore", ("net.py:2: this comment names no rule: write it as # analyze: ignore[CODE]",)),
}


@pytest.mark.parametrize(("comment", "notes"), UNUSED.values(), ids=UNUSED.keys())
def test_a_comment_that_silences_nothing_is_reported(comment, notes):
    assert unused(comments(f"\n{LINE}  # analyze: {comment}\n"), [ADVICE], RULES) == notes


def test_an_unknown_rule_is_reported_with_the_nearest_name():
    (note,) = unused(comments(f"\n{LINE}  # analyze: ignore[SEP102]\n"), [], RULES)
    assert note.startswith("net.py:2: there is no rule 'SEP102': did you mean SEP101")


def test_a_comment_for_a_rule_that_was_not_asked_is_not_unused():
    found = comments(f"\n{LINE}  # analyze: ignore[SEP101]\n")
    assert unused(found, [], selected(("GRP",))) == ()
    assert len(unused(found, [], selected(("SEP",)))) == 1
