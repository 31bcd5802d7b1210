"""Each kind of Python object is given back as it was, and what is not ours to give back is left."""

import functools
import random
import sys
import textwrap
import threading
import types
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
import torch

from analyzer.tracing import python_restoring, python_state
from analyzer.tracing.python_state import MAX_ITEMS, PythonState


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads that other tests left behind do not count."""
    others = [thread for thread in threading.enumerate() if thread is not threading.current_thread()]
    known = threading.enumerate
    monkeypatch.setattr(threading, "enumerate", lambda: [thread for thread in known() if thread not in others])


class Plain:
    shared: ClassVar[list[int]] = [1]

    def __init__(self) -> None:
        self.items = {"a": [1, 2]}


class Slotted:
    __slots__ = ("empty", "value")

    def __init__(self) -> None:
        self.value = 1


class Odd(dict):
    """Says other things than it holds."""

    def items(self) -> Any:
        raise RuntimeError

    values = keys = __iter__ = items


def given_back(value: Any, change: Callable[[Any], Any], read: Callable[[Any], Any]) -> None:
    state, before = PythonState([value]), read(value)
    change(value)
    assert read(value) != before
    state.give_back()
    assert read(value) == before


CHANGES: dict[str, tuple[Callable[[], Any], Callable[[Any], Any], Callable[[Any], Any]]] = {
    "dict": (lambda: {"a": 1}, lambda d: d.update(b=2), dict),
    "dict in a dict": (lambda: {"a": {"b": 1}}, lambda d: d["a"].clear(), str),
    "key taken": (lambda: {"a": 1, "b": 2}, lambda d: d.pop("a"), list),
    "order": (lambda: OrderedDict(a=1, b=2), lambda d: d.move_to_end("a"), list),
    "counter": (lambda: Counter("aab"), lambda d: d.update("b"), dict),
    "defaultdict": (lambda: defaultdict(list), lambda d: d["a"], dict),
    "odd dict": (lambda: Odd(a=1), lambda d: d.update(b=2), lambda d: list(dict.items(d))),
    "list": (lambda: [1], lambda v: v.append(2), list),
    "long list": (lambda: [0] * (MAX_ITEMS + 1), lambda v: v.append(2), len),
    "deque": (lambda: deque([1, 2], maxlen=2), lambda v: v.append(3), list),
    "set": (lambda: {1}, lambda v: v.add(2), set),
    "in a tuple": (lambda: ([1],), lambda v: v[0].append(2), str),
    "attribute": (Plain, lambda v: setattr(v, "more", 1), lambda v: sorted(vars(v))),
    "in an attribute": (Plain, lambda v: v.items["a"].append(3), lambda v: str(v.items)),
    "in the class": (Plain, lambda v: v.shared.append(3), lambda v: str(v.shared)),
    "of the class": (Plain, lambda v: setattr(Plain, "shared", []), lambda v: Plain.shared),
    "slot": (Slotted, lambda v: setattr(v, "value", 2), lambda v: v.value),
    "partial": (lambda: functools.partial(len, [1]), lambda v: v.args[0].append(2), lambda v: str(v.args)),
    "method": (lambda: Plain().__init__, lambda v: v.__self__.items.clear(), lambda v: str(v.__self__.items)),
    "random": (lambda: random.Random(0), lambda v: v.random(), lambda v: v.getstate()),
    "generator": (torch.Generator, lambda v: torch.rand(1, generator=v), lambda v: v.get_state().tolist()),
}


@pytest.mark.parametrize(("make", "change", "read"), CHANGES.values(), ids=CHANGES.keys())
def test_given_back(make: Callable[[], Any], change: Callable[[Any], Any], read: Callable[[Any], Any]) -> None:
    given_back(make(), change, read)


def test_closures() -> None:
    calls = 0

    def count() -> None:
        nonlocal calls
        calls += 1

    given_back(count, lambda function: function(), lambda _: calls)


def module(**names: Any) -> types.ModuleType:
    made = types.ModuleType("a_module_of_the_user")
    vars(made).update(names)
    sys.modules[made.__name__] = made
    return made


def test_globals_but_for_what_was_imported() -> None:
    """Also those of another module that a function names; classes and functions are what a late import leaves."""
    other = module(table={})
    code = "def fill():\n    global late, count\n    import decimal as late\n    count = 1\n    other.table[1] = 2"
    namespace: dict[str, Any] = vars(module(other=other))
    exec(code, namespace)
    state = PythonState([namespace["fill"]])
    namespace["fill"]()
    state.give_back()
    assert "count" not in namespace
    assert namespace["late"] is sys.modules["decimal"]
    assert other.table == {}
    del sys.modules["a_module_of_the_user"]


def test_a_function_of_the_standard_library_is_not_followed() -> None:
    assert not any(value is vars(textwrap) for _, value, _ in PythonState([textwrap.dedent])._kept)


def test_what_forbids_change_stays_silent() -> None:
    class Frozen(type):
        def __setattr__(cls, name: str, value: Any) -> None:
            if name != "open":
                raise AttributeError(name)
            super().__setattr__(name, value)

    kind = Frozen("kind", (), {"__module__": __name__, "value": 1})
    state = PythonState([kind])
    type.__setattr__(kind, "value", 2)
    state.give_back()
    assert kind.value == 2


def test_beside_other_threads_only_what_changed_is_searched_for_traces(monkeypatch: pytest.MonkeyPatch) -> None:
    """The search is dear, and a process with other threads may hold a hundred thousand objects."""
    searched: list[Any] = []

    def holds_a_trace(value: Any) -> bool:
        searched.append(value)
        return python_restoring.holds_a_trace(value)

    changed, cell = [[torch.zeros(2)]], types.CellType(3)
    kept = {"list": [1], "queue": deque([1]), "dict": {1: [2]}, "class": Plain, "slots": Slotted(), "cell": cell}
    state = PythonState([kept, changed, lambda: cell])
    changed[0].append(torch.zeros(2, device="meta"))
    stop = threading.Event()
    other = threading.Thread(target=stop.wait)
    other.start()
    monkeypatch.setattr(python_state, "holds_a_trace", holds_a_trace)
    state.give_back()
    stop.set()
    other.join()
    assert [len(value) for value in searched] == [1]
    assert len(changed[0]) == 1
