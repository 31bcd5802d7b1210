"""The markdown report's part on steps: what is kept between them, and what a prefill and one more token cost."""

from __future__ import annotations

from collections.abc import Sequence

from analyzer.formats.markdown.markdown_text import bullets, code, details, named, paragraphs, prose, table
from analyzer.formats.wording import step_words as wording
from analyzer.formats.wording.numbers import exact, plural, shape, size
from analyzer.values.steps import State, StateTensor, Steps, TokenParameters

MOST_LISTED = 400


def section(steps: Steps | None) -> str:
    """Sentences, the two columns, the state's size at other lengths, and every kept tensor, folded."""
    if steps is None:
        return ""
    prefill, decode = wording.titles(steps)
    return paragraphs(
        bullets(wording.sentences(steps)),
        table(f"|{prefill}:|{decode}:", wording.rows(steps)),
        prose(wording.ridge(steps)),
        _sizes(steps.state),
        _tensors(steps.state),
        _experts(steps.token),
    )


def _sizes(state: State | None) -> str:
    if state is None or len(state.sizes) < 2:
        return ""
    rows = [(exact(each.tokens), size(each.nbytes), exact(each.nbytes)) for each in state.sizes]
    return table("tokens:|state:|bytes:", rows)


def _tensors(state: State | None) -> str:
    if state is None:
        return ""
    rows = [_tensor(tensor) for tensor in state.tensors[:MOST_LISTED]]
    hidden = len(state.tensors) - len(rows)
    rest = f"{plural(hidden, 'more tensor')} in the JSON report." if hidden else ""
    body = table("tensor|made by|shape|data type|bytes:|by token:|full at:", rows)
    return details(f"All {plural(len(state.tensors), 'kept tensor')}", paragraphs(body, rest))


def _tensor(tensor: StateTensor) -> Sequence[str]:
    growth = "" if tensor.token_bytes is None else exact(tensor.token_bytes)
    full = "" if tensor.full_at is None else plural(tensor.full_at, "token")
    sizes = exact(tensor.nbytes), growth, full
    return code(tensor.path), named(tensor.layer), shape(tensor.shape), tensor.dtype, *sizes


def _experts(token: TokenParameters | None) -> str:
    if token is None or not token.groups:
        return ""
    rows = [
        (code(group.weight), exact(group.experts), exact(group.reached), _range(group.least, group.most))
        for group in token.groups[:MOST_LISTED]
    ]
    title = f"All {plural(len(token.groups), 'group')} of experts"
    return details(title, table("weight|experts:|reached by a token:|parameters of each:", rows))


def _range(least: int, most: int) -> str:
    return exact(most) if least == most else f"{exact(least)} to {exact(most)}"
