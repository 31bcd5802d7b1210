"""How much longer a number of alike steps will take, from those that are done."""

from __future__ import annotations

import time
from collections.abc import Callable


class TimeLeft:
    """Begins to count when it is made."""

    def __init__(self, steps: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._steps, self._clock, self._begun = steps, clock, clock()

    def after(self, done: int) -> str:
        """The end of a sentence: ", about 40 s left"; empty before the first step is done."""
        if done == 0:
            return ""
        seconds = (self._clock() - self._begun) / done * (self._steps - done)
        return f", about {seconds / 60:.0f} min left" if seconds >= 120 else f", about {seconds:.0f} s left"
