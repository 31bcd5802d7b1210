"""Functions are replaced by the first block that needs it and put back by the last."""

import pytest

from analyzer.tracing.replacements import Replacements


class Base:
    def own(self) -> int:
        return 1

    def inherited(self) -> int:
        return 1


class Child(Base):
    def own(self) -> int:
        return 2


def plus_ten(original):
    return lambda self: original(self) + 10


def test_the_last_block_puts_back():
    replaced = Replacements(lambda: [(Child, "own", plus_ten), (Child, "inherited", plus_ten)])
    before = dict(vars(Child))
    with replaced.held():
        with replaced.held():
            assert (Child().own(), Child().inherited(), Base().inherited()) == (12, 11, 1)
        assert Child().own() == 12
    assert dict(vars(Child)) == before


def test_they_are_put_back_after_an_error():
    replaced = Replacements(lambda: [(Child, "own", plus_ten)])
    with pytest.raises(KeyError), replaced.held():
        raise KeyError
    assert Child().own() == 2
