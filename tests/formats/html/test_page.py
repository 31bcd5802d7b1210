import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from analyzer.formats import files, format_for
from analyzer.formats.html import page
from analyzer.values.counts import Layer
from analyzer.values.errors import Problem

HOSTILE = "</script><script>alert(1)</script>\"'<b>\u202eevil"


class Elements(HTMLParser):
    """Every element with its attributes, and what scripts hold."""

    def __init__(self, text):
        super().__init__()
        self.found, self.scripts = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data):
        if self.found and self.found[-1][0] == "script":
            self.scripts.append(data)


def test_the_suffix_means_the_page(analysis):
    assert format_for("report.html") == ("html", "report.html")
    assert list(files([analysis], "html", "report.html")) == ["report.html"]


def test_nothing_in_it_leads_elsewhere(advised):
    text = page.render([advised])
    found = Elements(text).found
    assert not [attrs for _, attrs in found if {"src", "srcset", "action"} & attrs.keys()]
    assert {attrs["href"] for _, attrs in found if "href" in attrs} == {"#content"}
    assert "default-src 'none'" in text
    assert "url(" not in text
    assert "@import" not in text


def test_the_same_analysis_gives_the_same_page(advised):
    assert page.render([advised]) == page.render([advised])


def test_hostile_names_are_text(analysis):
    layer = Layer(HOSTILE, HOSTILE, HOSTILE, 1, 1, params=3)
    model = replace(analysis.model, name=HOSTILE, target=HOSTILE, kind=HOSTILE, assumptions=(HOSTILE,))
    text = page.render([replace(analysis, model=model, layers=(layer,))])
    found = Elements(text)
    assert [tag for tag, _ in found.found].count("script") == 2
    assert "b" in {tag for tag, _ in found.found}  # that of the lede, not theirs
    assert "\u202e" not in text
    names = json.loads(found.scripts[0])["strings"]
    assert HOSTILE.replace("\u202e", "\\u202e") in names


def test_no_style_is_written_where_the_policy_forbids_it(gated):
    assert not [attrs for _, attrs in Elements(page.render([gated])).found if "style" in attrs]
    assert all(not re.search(r"""setAttribute\(["']style|innerHTML|style=""", page.part(name)) for name in page.SCRIPTS)


def test_totals_and_budgets_are_there_without_scripts(gated):
    text = re.sub(r"(?s)<script.*?</script>", "", page.render([gated]))
    assert "10,714" in text
    assert "108 %" in text
    assert "Parameter budget exceeded" in text
    assert "Cheapest fix: SEP101 depthwise-separable at stem.conv" in text
    assert "ask the owners" in text
    assert "never shown" not in text


def test_what_is_not_counted_is_named(incomplete):
    text = page.render([incomplete])
    assert "mylib.mix.default" in text
    assert "incomplete: 1 operator not counted" in text


def test_a_checkpoint_alone_has_a_page(checkpoint):
    assert "parameters only: nothing was run" in page.render([checkpoint])


def test_a_part_that_is_missing_is_one_sentence(analysis, monkeypatch, tmp_path):
    page.part.cache_clear()
    monkeypatch.setattr(page, "HOME", tmp_path)
    with pytest.raises(Problem, match=r"d3-hierarchy.min.js, a part of the page, is missing .*; install it again"):
        page.render([analysis])
    page.part.cache_clear()


def test_a_template_that_is_missing_is_one_sentence(analysis, monkeypatch):
    known = page.part

    def part(name):
        if name == "templates/tables.html":
            raise Problem(f"{name}, a part of the page, is missing")
        return known(name)

    monkeypatch.setattr(page, "part", part)
    page.environment.cache_clear()
    with pytest.raises(Problem, match=r"tables\.html"):
        page.render([analysis])
    page.environment.cache_clear()


def blocks(number):
    """Blocks of four layers that are alike."""
    names = ("attention", "norm", "up", "down")
    return tuple(
        Layer(f"blocks.{block}.{name}", "Linear", "net.py", 7, 1, params=10**6, macs=10**9, settings=f"{name}(64, 64)")
        for block in range(number)
        for name in names
    )


def test_the_file_grows_with_distinct_layers_not_with_all(analysis):
    small, large, larger = (len(page.render([replace(analysis, layers=blocks(n))])) for n in (10, 1010, 2010))
    assert large - small < 20 * 1000  # each block of four layers takes its number and its place
    assert larger - large < 20 * 1000


def test_the_vendored_library_has_its_licence():
    assert "Permission to use, copy, modify" in page.part("vendor/d3-hierarchy.LICENSE")
