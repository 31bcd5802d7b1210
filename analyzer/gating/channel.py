"""What passes between the command and its workers: an order on stdin, signed messages on a descriptor of their own."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Final

import msgspec

from analyzer.values.requests import WorkRequest
from analyzer.values.results import Analysis

DIGEST: Final = "sha256"


@dataclass(frozen=True)
class Order:
    """What a worker reads before it runs any of the user's code."""

    key: str
    """Secret of this one run, by which its messages are known."""
    request: WorkRequest


@dataclass(frozen=True)
class Message:
    """One line of a worker: what is under way, or how it ended."""

    begun: str = ""
    """A target that is now looked at."""
    progress: str = ""
    keeps: bool = False
    """Whether an interrupt makes the worker end soon with what it has, instead of losing it."""
    analyses: tuple[Analysis, ...] | None = None
    """The result, all of it."""
    problem: str | None = None
    """Why there is no result, as a sentence for the user."""
    example: str = ""
    """Code to paste that helps, if there is any."""
    traceback: str = ""
    """Where that was raised."""

    @property
    def is_last(self) -> bool:
        return self.analyses is not None or self.problem is not None


def sealed(message: Message, key: str) -> bytes:
    """The message as a line that is signed with the key."""
    text = msgspec.json.encode(message)
    return _digest(text, key) + b" " + text + b"\n"


def opened(line: bytes, key: str) -> Message | None:
    """The message in a line; None when it does not come from the worker itself."""
    digest, _, text = line.rstrip(b"\n").partition(b" ")
    if not hmac.compare_digest(digest, _digest(text, key)):
        return None
    return msgspec.json.decode(text, type=Message)


def _digest(text: bytes, key: str) -> bytes:
    return hmac.new(key.encode(), text, DIGEST).hexdigest().encode()
