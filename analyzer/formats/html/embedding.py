"""Data as a page carries it: every string once, integers that JavaScript would round as text, short fractions."""

from __future__ import annotations

import msgspec

from analyzer.formats.wording.log_text import CONTROL, without_control

Wire = int | str
"""An exact integer: as text where a number of JavaScript would not hold it."""
LARGEST = 2**53 - 1
"""The last integer up to which numbers of JavaScript are exact."""


class Strings:
    """The strings of a page, each told once; elsewhere its place stands for it."""

    def __init__(self) -> None:
        self.texts = [""]
        self._places = {"": 0}

    def place(self, text: str | None) -> int:
        """Where the string is, control characters and marks that turn its direction around written out."""
        shown = without_control(text or "")
        if shown not in self._places:
            self._places[shown] = len(self.texts)
            self.texts.append(shown)
        return self._places[shown]


def wire(value: int) -> Wire:
    """The integer, as text beyond what a number of JavaScript holds exactly."""
    return value if abs(value) <= LARGEST else str(value)


def known(value: int | None) -> Wire | None:
    """The same of what may not be known."""
    return None if value is None else wire(value)


def short(value: float) -> float:
    """An estimate with four digits."""
    return float(f"{value:.4g}")


def script_json(value: object) -> str:
    """JSON that no browser takes for the end of the script element around it, whatever its strings hold."""
    text = msgspec.json.encode(value).decode().replace("<", "\\u003c")
    return CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
