"""Text that is safe in a log: no control characters, and nothing that a workflow's runner would take for a command."""

import re
from typing import Final

CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Of ASCII, of Latin-1, line ends of Unicode, and what turns the direction of text around."""
COMMAND: Final = re.compile(r"\s*(::|##\[)")
"""How a line begins that GitHub's runner acts upon."""


def without_control(text: str) -> str:
    """The text with control characters written out: a line end becomes a backslash and an n."""
    return CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def one_line(text: str) -> str:
    """The text without control characters, and with a backslash before what would be a command."""
    shown = without_control(text)
    return f"\\{shown}" if COMMAND.match(shown) else shown
