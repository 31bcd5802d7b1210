"""Figures carry a title and follow a dark page."""

import re
from xml.etree import ElementTree

from analyzer.formats.figures import depth_figure, memory_figure
from analyzer.formats.figures.figure_style import DARK

SVG = "{http://www.w3.org/2000/svg}"


def test_a_figure_says_what_it_shows(analysis):
    root = ElementTree.fromstring(depth_figure.render([analysis]))
    assert root.get("role") == "img"
    assert root[0].tag == f"{SVG}title"
    assert root[0].text == f"{analysis.model.name}: parameters and MACs along its depth"


def test_every_colour_has_its_counterpart_on_a_dark_page(analysis):
    for text in filter(None, (depth_figure.render([analysis]), memory_figure.render(analysis))):
        drawn = set(re.findall(r'style="[^"]*?(?:fill|stroke): (#[0-9a-f]{6})', text))
        assert drawn
        assert drawn <= {light.lower() for light in DARK}
        for light, dark in DARK.items():
            assert f'[style*="fill: {light.lower()}"]{{fill:{dark} !important}}' in text


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2.2, by relative luminance."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_what_is_drawn_stands_out_from_either_page():
    light, dark = "#ffffff", DARK["#ffffff"]
    for colour in ("#333333", "#0072B2", "#D55E00"):
        assert contrast(colour, light) >= 3
        assert contrast(DARK[colour], dark) >= 3
