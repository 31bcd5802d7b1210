"""The one kind of error that is meant for the user."""


class Problem(Exception):
    """What is wrong, where, and what to do, in one sentence; the command prints it and exits with 2.

    `example` is code to paste, shown below the sentence.
    """

    def __init__(self, sentence: str = "", example: str = "") -> None:
        super().__init__(sentence)
        self.example = example


def one_line(error: BaseException) -> str:
    """An exception in one line: its type and the first line of what it says."""
    said = first_line(str(error))
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def first_line(text: str) -> str:
    """The first line with something in it; empty without any."""
    return next(iter(text.strip().splitlines()), "")
