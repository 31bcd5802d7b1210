"""The figure of growth: a curve for each cost, all words in ink that follows a dark page, nothing for a single size."""

import re
from dataclasses import replace

from analyzer.formats.figures import growth_figure
from analyzer.values.size_sweeps import SizedTotal

WORDS = re.compile(r'<g id="text_\d+">(.*?)\n {3,4}</g>', re.DOTALL)
INK = "#333333"


def sized(analysis, *batches):
    return replace(analysis, sizes=tuple(SizedTotal(analysis.total, {"batch": batch}) for batch in batches))


def test_every_word_follows_a_dark_page(analysis):
    text = growth_figure.render(sized(analysis, 1, 8))
    words = WORDS.findall(text)
    assert f"<title>{analysis.model.name}: costs by batch</title>" in text
    assert len([word for word in words if "<!-- batch -->" in word]) == 2  # a label below either panel
    assert [word for word in words if "fill: #" not in word] == []
    assert sum(f"fill: {INK}" in word for word in words) >= 2


def test_one_size_is_no_growth(analysis):
    assert growth_figure.render(sized(analysis, 4)) == ""
    assert growth_figure.render(replace(analysis, sizes=())) == ""
