"""Values between rooms are data: no sentence is written into a field of a result outside formats/."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "analyzer"
WORDING = ("formats", "cli", "command", "__main__")
"""Where words are made: what is shown, the command's options, and its errors."""
RESULTS = (*sorted(PACKAGE.glob("values/*.py")), PACKAGE / "rules" / "rule.py", PACKAGE / "advising" / "ranking.py")
"""Where the types of results are defined."""
MAY_BE_WORDS = {"assumptions", "conditions", "reason", "source", "what"}
"""Fields that say what was assumed, under what, why something failed, where figures are from, and what is left out."""
SENTENCE = re.compile(r"[A-Za-z§)]+,? [A-Za-z§(]+,? [A-Za-z§]+")
"""Three words in a row; § is whatever an f-string puts in."""
ADDS = {"append", "extend", "add", "insert", "setdefault"}
FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def result_types() -> dict[str, tuple[str, ...]]:
    """The fields of each dataclass that rooms hand on, in order; an empty name for one that holds no text."""
    found: dict[str, tuple[str, ...]] = {}
    for path in RESULTS:
        for node in parsed(path).body:
            if isinstance(node, ast.ClassDef) and any("dataclass" in ast.dump(one) for one in node.decorator_list):
                fields = (item for item in node.body if isinstance(item, ast.AnnAssign))
                found[node.name] = tuple(map(text_field, fields))
    return {**found, "replace": tuple({field for fields in found.values() for field in fields})}


def text_field(item: ast.AnnAssign) -> str:
    name = ast.unparse(item.target)
    return name if "str" in ast.unparse(item.annotation) and name not in MAY_BE_WORDS else ""


def given(call: ast.Call) -> Iterator[tuple[str, ast.expr]]:
    """Type and field, and what is put into it, where a call makes or changes a result."""
    name = ast.unparse(call.func).rpartition(".")[2]
    if ast.unparse(call.func) == "note":
        yield from (("note", value) for value in (*call.args, *(keyword.value for keyword in call.keywords)))
    fields = result_types().get(name, ())
    positional = () if name == "replace" else zip(fields, call.args, strict=False)
    for field, value in (*positional, *((keyword.arg, keyword.value) for keyword in call.keywords)):
        if field and field in fields:
            yield f"{name}.{field}", value


def written(node: ast.expr) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "§" for part in node.values)
    return ""


def origins(tree: ast.Module, function: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Names of a module and of one of its functions, and what each may be: assigned, or returned when it is called."""
    inner = [node for node in ast.walk(function) if isinstance(node, ast.stmt)]
    methods = [node for one in tree.body if isinstance(one, ast.ClassDef) for node in one.body]
    for node in (*tree.body, *methods, *inner):
        if isinstance(node, FUNCTIONS):
            returns = [one for one in ast.walk(node) if isinstance(one, ast.Return | ast.Yield) and one.value]
            yield from ((node.name, one.value) for one in returns if one.value)
        elif isinstance(node, ast.Assign):
            yield from (pair for target in node.targets for pair in assigned(target, node.value))
        elif isinstance(node, ast.AnnAssign | ast.AugAssign) and node.value:
            yield from assigned(node.target, node.value)
    for node in ast.walk(function):
        if isinstance(node, ast.NamedExpr):
            yield node.target.id, node.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ADDS:
            yield from ((ast.unparse(node.func.value), value) for value in node.args)


def assigned(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    """The names that an assignment gives a value to, as a whole or in part."""
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for each, own in zip(target.elts, value.elts, strict=True):
            yield from assigned(each, own)
        return
    if isinstance(target, ast.Tuple | ast.List):
        yield from (pair for each in target.elts for pair in assigned(each, value))
        return
    yield ast.unparse(target.value if isinstance(target, ast.Subscript) else target).removeprefix("self."), value


def sentences(value: ast.AST, known: list[tuple[str, ast.expr]], seen: frozenset[str] = frozenset()) -> Iterator[str]:
    """What of a value is written as a sentence, in place or where the names in it come from."""
    if isinstance(value, ast.JoinedStr | ast.Constant):
        if SENTENCE.search(written(value)):
            yield written(value)
        return
    used = ast.unparse(value).removeprefix("self.") if isinstance(value, ast.Name | ast.Attribute) else ""
    if used and used not in seen:
        for name, origin in known:
            if name == used:
                yield from sentences(origin, known, seen | {used})
    for child in parts_shown(value):
        yield from sentences(child, known, seen)


def parts_shown(value: ast.AST) -> Iterator[ast.AST]:
    """The parts of an expression that may be in its value: not what is compared, nor by which key it is looked up."""
    if isinstance(value, ast.Subscript) and isinstance(value.value, ast.Name):
        yield value.value
    elif not isinstance(value, ast.Compare | ast.Subscript):
        yield from ast.iter_child_nodes(value)


def worded(tree: ast.Module) -> set[str]:
    """Each field of a result that a module writes a sentence into."""
    found = set()
    functions = [node for node in ast.walk(tree) if isinstance(node, FUNCTIONS)]
    for function in functions or [tree]:
        known = list(origins(tree, function))
        for call in (node for node in ast.walk(function) if isinstance(node, ast.Call)):
            for field, value in given(call):
                found |= {field} if any(sentences(value, known)) else set()
    return found


def test_no_room_but_formats_writes_sentences_into_results() -> None:
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        if name.split(".")[0] not in WORDING and (fields := worded(parsed(path))):
            found[name] = fields
    assert found == {}


@pytest.mark.parametrize(
    "code",
    [
        "def f(n): return Layer(path=f'the limit could be {n}')",
        "def f(n):\n    note = 'one of three words'\n    return replace(line, notes=(note,))",
        "WHY = 'one of three words'\ndef f(n): return Advice('A', WHY)",
        "def f(n): return Layer(said(n))\ndef said(n): return f'{n} of {n}'",
        "def f(n):\n    now, then = f'{n} of {n}', n\n    return Layer(now)",
        "def f(n):\n    if said := f'{n} of {n}':\n        return Layer(said)",
        "def f(n):\n    notes = []\n    notes.append('one of three words')\n    return replace(n, notes=tuple(notes))",
        "def f(n):\n    said = {}\n    said[n] = 'one of three words'\n    return replace(n, evidence=said[n])",
        "def f(n): return note('rank', of=f'{n} of {n}')",
    ],
)
def test_every_way_of_writing_one_is_seen(code: str) -> None:
    assert worded(ast.parse(code))


@pytest.mark.parametrize(
    "code",
    [
        "def f(n): return BudgetLine(name='command line', status='fail')",
        "def f(n): return Uncounted('a', 1, (), reason='there is no formula for it')",
        "def f(n): return print('three words here')",
        "def f(n): return Model(assumptions=('inputs are as assumed',))",
    ],
)
def test_data_and_reasons_are_no_sentences(code: str) -> None:
    assert not worded(ast.parse(code))
