import subprocess
import sys
import webbrowser
from dataclasses import replace
from errno import ENOENT
from html.parser import HTMLParser

import pytest

from analyzer.formats.html import notebook
from analyzer.formats.html.notebook import MOST_LAYERS, fragment, show
from analyzer.values.counts import Layer
from analyzer.values.errors import Problem
from analyzer.values.results import Analysis


def tags(text):
    found = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attributes: found.append(tag)
    parser.feed(text)
    return found


@pytest.fixture
def alone(monkeypatch):
    monkeypatch.setattr(Analysis, "display", None)


def test_the_tables_need_no_script(gated):
    text = fragment(gated)
    assert "script" not in tags(text)
    assert tags(text).count("details") == 2
    assert "10,714" in text
    assert "108 %" in text


def test_what_to_do_stands_open(advised):
    assert "<details open>" not in fragment(advised)  # it has no plan
    assert "stem.norm" in fragment(advised)


def test_a_notebook_asks_for_the_tables(analysis, alone):
    assert analysis._repr_html_() is None
    notebook.attach()
    assert analysis._repr_html_() == fragment(analysis)


def test_whoever_imports_analysis_has_the_tables():
    script = "from analyzer import Analysis; print(Analysis.display is not None)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


def test_names_that_are_markup_are_text(analysis):
    layers = (Layer("<script>x</script>", "<b>", "\u202e<i>", 1, 1, params=1),)
    text = fragment(replace(analysis, layers=layers))
    assert not {"script", "b", "i"} & set(tags(text))
    assert "\u202e" not in text


def test_many_layers_are_cut_and_counted(analysis):
    layers = tuple(Layer(f"l{number}", "Linear", params=1) for number in range(MOST_LAYERS + 7))
    text = fragment(replace(analysis, layers=layers))
    assert f"{MOST_LAYERS + 7} layers" in text
    assert "7 more layers on the page" in text


@pytest.mark.parametrize("kind", ["incomplete", "checkpoint"])
def test_what_is_unknown_is_named(kind, request):
    assert "unknown" in fragment(request.getfixturevalue(kind))


def test_the_page_opens_in_the_browser(analysis, monkeypatch):
    opened = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    notebook.attach()
    file = analysis.show()
    assert opened == [file.as_uri()]
    assert file.read_text(encoding="utf-8").startswith("<!doctype html>")
    file.unlink()


def refused(**_):
    raise FileNotFoundError(ENOENT, "No such file or directory")


def test_without_room_for_a_file_it_is_one_sentence(analysis, monkeypatch):
    monkeypatch.setattr(notebook.tempfile, "mkstemp", refused)
    with pytest.raises(Problem, match=r"cannot be written to .*: no such file or directory; set TMPDIR"):
        show(analysis)


def test_without_a_display_it_is_one_sentence(analysis, alone):
    with pytest.raises(Problem, match="import Analysis from analyzer"):
        analysis.show()
