"""The one kind of error that is meant for the user."""


class Problem(Exception):
    """What is wrong, where, and what to do, in one sentence; the command prints it and exits with 2.

    `example` is code to paste, shown below the sentence.
    """

    def __init__(self, sentence: str = "", example: str = "") -> None:
        super().__init__(sentence)
        self.example = example
