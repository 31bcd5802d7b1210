"""The page in a real browser: what is ticked, sorted, searched, zoomed, and read aloud."""

import json
import re
import shlex
import shutil
from dataclasses import replace
from itertools import pairwise
from random import Random

import pytest
import torch
from torch import nn

import analyzer
from analyzer import analysis as analysis_of_all
from analyzer.advising.selection import applied
from analyzer.formats.html import page as html
from analyzer.formats.html import sweep_page
from analyzer.formats.wording.numbers import count
from analyzer.formulas.count import Count
from analyzer.gating.layer_diff import difference
from analyzer.loading import from_module
from analyzer.tracing import trace
from analyzer.values.counts import Layer
from analyzer.values.fit_results import CurvePoint, Fit, FitBudget
from analyzer.values.results import Analysis
from analyzer.values.sweep_rows import Sweep, SweepRow

playwright = pytest.importorskip(
    "playwright.sync_api", reason="the browser is driven by playwright, an extra for tests"
)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium here: apt-get install chromium")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
HOSTILE = "</script><img src=x onerror=alert(1)>\"'\u202eevil"


class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 5, padding=2)

    def forward(self, x):
        return x + self.conv2(torch.relu(self.norm(self.conv1(x))))


class Net(nn.Module):
    """Enough convolutions for every kind of advice to a few of them."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 96, 7, stride=2, padding=3)
        self.blocks = nn.Sequential(Block(96), Block(96))
        self.head = nn.Linear(96, 200)

    def forward(self, x):
        return self.head(self.blocks(self.stem(x)).mean((2, 3)))


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return Net().eval()


@pytest.fixture(scope="module")
def study(net):
    return analysis_of_all.study(from_module(net, (torch.zeros(1, 3, 32, 32),), {}, "net"))


@pytest.fixture(scope="module")
def analysis(study):
    return from_command(study.analysis)


def from_command(found):
    """The analysis as the command makes it of a file."""
    return replace(found, model=replace(found.model, target="net.py:net"))


class Opener:
    """Opens the page of analyses; remembers what it asks for, and what it says on the console."""

    def __init__(self, browser, folder):
        self.browser, self.folder = browser, folder
        self.said, self.contexts, self.files = [], [], set()

    def write(self, *analyses, differences=()):
        file = self.folder / f"report{len(self.files)}.html"
        file.write_text(html.render(analyses, differences), encoding="utf-8")
        self.files.add(file.as_uri())
        return file

    def __call__(self, *analyses, differences=(), **context):
        """A page in a window of its own; an empty one without analyses."""
        self.contexts.append(self.browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **context}))
        shown = self.contexts[-1].new_page()
        shown.on("console", lambda message: self.said.append(message.text))
        shown.on("pageerror", lambda error: self.said.append(str(error)))
        shown.on("request", lambda request: self.said.append(request.url) if request.url not in self.files else None)
        if analyses:
            shown.goto(self.write(*analyses, differences=differences).as_uri())
        return shown


@pytest.fixture
def opened(browser, tmp_path):
    """Fails where a page asks for something, or says something on the console."""
    opener = Opener(browser, tmp_path)
    yield opener
    for context in opener.contexts:
        context.close()
    assert opener.said == []


def exact(page, key):
    return int(page.get_attribute(f"[data-bill={key}]", "data-exact"))


def rows(page):
    return page.eval_on_selector_all(".layers tbody tr", "rows => rows.map(row => row.dataset.path)")


def show_all(page):
    for button in page.query_selector_all(".step > p > button"):
        button.click()


def test_twenty_random_sets_of_ticks_cost_what_the_rewritten_model_does(opened, analysis, study):
    """The command that the page prints is carried out, and the rewritten model is traced and counted."""
    page, random = opened(analysis), Random(0)
    show_all(page)
    assert (exact(page, "params"), exact(page, "macs")) == (analysis.total.params, analysis.total.macs)
    seen = set()
    for _ in range(20):
        page.click("text=Nothing")
        ticked_at_random(page, random)
        command = shlex.split(page.inner_text(".bill pre").replace("\\\n", " "))
        requests = [word for flag, word in pairwise(command) if flag == "--apply"]
        made = applied(study.model, requests)
        after = Count(trace(made.rewritten)).total
        assert (exact(page, "params"), exact(page, "macs")) == (after.params, after.macs), requests
        assert exact(page, "size") == after.param_bytes
        assert made.left_out == ()
        seen.add(tuple(requests))
    assert len(seen) > 15


def ticked_at_random(page, random):
    boxes = page.query_selector_all(".idea input")
    for box in random.sample(boxes, random.randint(1, 7)):
        select = box.evaluate_handle("box => box.closest('li').querySelector('select')").as_element()
        if select and box.is_enabled():
            select.select_option(index=random.randrange(len(select.query_selector_all("option"))))
        if box.is_enabled():
            box.click()


def test_a_module_that_python_had_is_rewritten_in_python(opened, analysis, net):
    images = torch.zeros(1, 3, 32, 32)
    page = opened(replace(analysis, model=replace(analysis.model, target="net")))
    page.click("text=The plan")
    call = compile(page.inner_text(".bill pre"), "page", "eval")
    rewritten = eval(call, {"analyzer": analyzer, "model": net, "arguments": images})
    assert exact(page, "params") == analyzer.analyze(rewritten, images).total.params


def test_what_excludes_what_is_named_and_cannot_be_ticked(opened, analysis):
    page = opened(analysis)
    show_all(page)
    first = page.query_selector(".idea input")
    layer = first.evaluate("box => box.closest('li').querySelector('bdi').textContent")
    first.check()
    rivals = page.query_selector_all(f".idea.out:has(bdi:text-is('{layer}'))")
    assert rivals
    assert all(rival.query_selector("input").is_disabled() for rival in rivals)
    assert "not together with" in rivals[0].inner_text()
    first.uncheck()
    assert page.query_selector_all(".idea.out") == []


def test_suggestions_are_searched(opened, analysis):
    page = opened(analysis)
    step = page.locator(".step", has=page.get_by_text("To be retrained"))
    step.get_by_role("searchbox").fill("blocks.1")
    wanted = sorted(one.path for one in analysis.advice if one.step == "retrain" and "blocks.1" in one.path)
    assert sorted(step.locator(".idea:not([hidden]) bdi").all_inner_texts()) == wanted
    assert page.evaluate("document.activeElement.type") == "search"


def test_the_plan_is_one_click_and_saves_what_python_says(opened, analysis):
    page = opened(analysis)
    page.click("text=The plan")
    assert exact(page, "params") == analysis.total.params - analysis.together.saved.params
    assert exact(page, "macs") == analysis.total.macs - analysis.together.saved.macs


def test_integers_that_javascript_rounds_stay_exact(opened, advised):
    whole = replace(advised.total, params=2**60 + 1, macs=2**61 + 3, param_bytes=4 * (2**60 + 1))
    page = opened(replace(advised, total=whole))
    page.query_selector(".idea:has-text('SEP101') input").check()
    assert exact(page, "params") == 2**60 + 1 - 357
    assert exact(page, "macs") == 2**61 + 3 - 357 * 64
    assert f"{2**60 + 1 - 357:,}" in page.get_attribute("[data-bill=params] .after", "title")


def test_a_limit_is_held_to_the_ticks(opened, gated, separable):
    page = opened(replace(gated, advice=(separable,)))
    assert "Parameters over the limit" in page.inner_text(".bill")
    page.query_selector(".idea input").check()
    assert "Parameters over the limit of 10.00 k" in page.inner_text(".bill")  # 10,714 - 357


def test_columns_sort_and_the_order_comes_back(opened, analysis):
    page = opened(analysis)
    before = rows(page)
    page.click(".layers th >> text=Parameters")
    params = {layer.path: layer.params for layer in analysis.layers}
    assert [params[path] for path in rows(page)] == sorted((params[path] for path in rows(page)), reverse=True)
    assert page.get_attribute(".layers th:has-text('Parameters')", "aria-sort") == "descending"
    page.click(".layers th >> text=Parameters")
    assert params[rows(page)[-1]] == max(params.values())
    page.click("text=In execution order")
    assert rows(page) == before


def test_blocks_fold_and_add_up(opened, analysis):
    page = opened(analysis)
    page.click("text=Fold all")
    assert rows(page) == ["", "stem", "blocks", "head"]
    inside = sum(layer.params for layer in analysis.layers if layer.path.startswith("blocks"))
    assert f"{inside:,}" in page.inner_text("tr[data-path=blocks]")
    page.focus("tr[data-path=blocks] .fold")
    page.keyboard.press("Enter")
    assert rows(page) == ["", "stem", "blocks", "blocks.0", "blocks.1", "head"]
    assert page.evaluate("document.activeElement.getAttribute('aria-expanded')") == "true"


def test_a_search_looks_at_names_kinds_and_files(opened, analysis):
    page = opened(analysis)
    for query, found in ((".conv2", ["blocks.0.conv2", "blocks.1.conv2"]), ("LINEAR", ["head"]), ("zzz", [])):
        page.get_by_label("Search layers").fill(query)
        assert rows(page) == found
    page.get_by_label("Search layers").fill("test_browser.py")
    assert "stem" in rows(page)


def test_the_source_line_is_that_of_the_layer(opened, analysis):
    page = opened(analysis)
    line = next(layer.line for layer in analysis.layers if layer.path == "head")
    assert page.inner_text("tr[data-path=head] .source") == f"test_browser.py:{line}"


def test_the_map_is_walked_by_keys_and_zoomed(opened, analysis):
    page = opened(analysis)
    page.focus(".map .cell[tabindex='0']")
    first = page.evaluate("document.activeElement.dataset.path")
    assert first == "blocks"
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.dataset.path") != first
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    assert page.inner_text(".crumbs [aria-current]") == "blocks"
    assert not page.query_selector(".map .cell[data-path=head]")
    page.keyboard.press("Escape")
    assert page.query_selector(".map .cell[data-path=head]")


def test_areas_are_shares_of_what_is_asked_for(opened, analysis):
    page = opened(analysis)
    for title, field in (("MACs", "macs"), ("Parameters", "params")):
        page.click(f".choice >> text={title}")
        areas = page.eval_on_selector_all(
            ".map .cell",
            """cells => cells.map(({ dataset, firstChild: { width, height } }) =>
                [dataset.path, width.baseVal.value * height.baseVal.value])""",
        )
        area, value = dict(areas), {layer.path: getattr(layer, field) for layer in analysis.layers}
        ratio = area["blocks.0.conv2"] / area["blocks.0.conv1"]
        assert ratio == pytest.approx(value["blocks.0.conv2"] / value["blocks.0.conv1"], rel=0.15)


def test_an_icicle_shows_every_level(opened, analysis):
    page = opened(analysis)
    page.click("text=Icicle")
    assert {"", "blocks", "blocks.0", "blocks.0.conv2"} <= set(
        page.eval_on_selector_all(".map .cell", "cells => cells.map(cell => cell.dataset.path)")
    )


def test_memory_and_what_is_alive_at_its_peak(opened, analysis):
    page, memory = opened(analysis), analysis.estimates.memory
    assert f"in {memory.layer}" in page.inner_text(".alive caption")
    parts = [int(cell.inner_text().replace(",", "")) for cell in page.query_selector_all(".alive td.number:not(.part)")]
    assert sum(parts) == memory.peak_bytes
    page.hover(".chart >> nth=0", position={"x": 100, "y": 100})
    assert page.inner_text(".told >> nth=2").startswith(memory.curve[0].path)


def test_the_roofline_has_a_circle_for_each_layer_that_computes(opened, analysis):
    page = opened(analysis)
    shown = page.eval_on_selector_all(".chart .dot", "dots => dots.map(dot => dot.dataset.path)")
    assert sorted(shown) == sorted(layer.path for layer in analysis.estimates.time.layers if layer.flops)


class Renamed(Net):
    """The network with another name for its head, a new layer, none of the second block, and a larger kernel."""

    def __init__(self):
        super().__init__()
        self.classifier = self.head
        del self.head
        self.blocks = nn.Sequential(self.blocks[0])
        self.blocks[0].conv2 = nn.Conv2d(96, 96, 7, padding=3)
        self.extra = nn.Conv2d(96, 96, 1)

    def forward(self, x):
        return self.classifier(self.extra(self.blocks(self.stem(x))).mean((2, 3)))


@pytest.fixture(scope="module")
def renamed():
    return analyzer.analyze(Renamed().eval(), torch.zeros(1, 3, 32, 32), name="renamed")


def test_two_models_are_matched_through_renames_and_coloured_by_what_happened(opened, analysis, renamed):
    page = opened(analysis, renamed, differences=[None, difference(analysis, renamed, "net")])
    assert page.inner_text("[data-model][aria-pressed=true]") == "renamed"
    colours = "cells => cells.map(cell => [cell.dataset.path, cell.firstChild.className.baseVal])"
    sides = [dict(side.eval_on_selector_all(".cell", colours)) for side in page.query_selector_all(".sides > div")]
    assert (sides[0]["head"], sides[1]["classifier"]) == ("moved", "moved")
    assert (sides[0]["blocks.1.conv1"], sides[1]["extra"]) == ("removed", "added")
    assert (sides[0]["blocks.0.conv2"], sides[1]["blocks.0.conv2"]) == ("grown", "grown")
    assert (sides[0]["stem"], sides[1]["stem"]) == ("same", "same")
    assert not {"blocks.1.conv1", "head"} & sides[1].keys()
    totals = page.eval_on_selector_all(".sides .sum", "sums => sums.map(sum => sum.textContent.trim())")
    assert totals == [f"{count(one.total.params)} parameters" for one in (analysis, renamed)]


def test_what_changed_is_listed(opened, analysis, renamed):
    page = opened(analysis, renamed, differences=[None, difference(analysis, renamed, "net")])
    assert "kernel 5 to 7" in page.inner_text(".changed tr[data-path='blocks.0.conv2']")
    assert f"+{96 * 96 * 24:,}" in page.inner_text(".changed tr[data-path='blocks.0.conv2']")  # 25 taps to 49
    page.click("[data-model='0']")
    assert page.is_hidden("#model-1")
    assert page.is_visible("#model-0")


def test_head_and_base_of_a_gate(opened, gated):
    page = opened(gated)
    assert "+5,120" in page.inner_text(".changes")
    assert page.inner_text(".changed tbody tr td >> nth=0") == "input features 512 to 1024"
    assert page.inner_text("h2:has-text('What changed')") == "What changed since main"


@pytest.fixture(scope="module")
def symbolic(net):
    return from_command(analyzer.analyze(net, torch.zeros(1, 3, 32, 32), name="net", symbolic=True))


def test_sliders_give_the_totals_of_an_analysis_at_those_sizes(opened, symbolic):
    page, random = opened(symbolic), Random(1)
    names = [size.name for size in symbolic.scaling.dimensions]
    assert {"batch", "height", "width"} <= set(names)
    for _ in range(20):
        for name in names:
            dial = page.locator(".dial", has=page.get_by_text(name, exact=True)).locator("input[type=range]")
            dial.fill(str(random.randint(0, int(dial.get_attribute("max")))))
        sizes = {name: int(page.get_by_label(f"{name}, exactly").input_value()) for name in names}
        total = symbolic.at(**sizes).total
        shown = {key: int(page.get_attribute(f"[data-at={key}]", "data-exact")) for key in ("macs", "other", "peak")}
        assert shown == {"macs": total.macs, "other": total.other_flops, "peak": total.peak_activation_bytes}


def test_a_size_that_is_typed_moves_to_the_nearest_that_holds(opened, symbolic):
    page, batch = opened(symbolic), symbolic.scaling.dimensions[0]
    page.get_by_label("batch, exactly").fill("100000000")
    page.keyboard.press("Tab")
    assert page.get_by_label("batch, exactly").input_value() == str(batch.most)
    assert f"--at batch={batch.most}" in page.inner_text("pre.line")


def test_a_slider_moves_along_the_plans_of_a_fit(opened, analysis):
    curve = tuple(CurvePoint(1 - n / 10, 1000 - 100 * n, 90 - n, 1000 - 100 * n, 0.01 * n, n, n == 3) for n in range(8))
    budget = FitBudget("macs", "60%", 600, 1000, 600, 600)
    fit = Fit("KL divergence", (budget,), (), 0.1, 0.1, None, 9, 9, 0.0, "data.pt", curve=curve)
    page = opened(replace(analysis, fit=fit))
    dial = page.locator(".dial.wide input")
    assert dial.input_value() == "4"
    assert "600 MACs left, 60 %" in dial.get_attribute("aria-valuetext")
    dial.focus()
    page.keyboard.press("ArrowLeft")
    assert "the knee" in page.inner_text("section:has(.dial.wide) .told")
    assert "--fit macs=700" in page.inner_text("section:has(.dial.wide) pre")


def test_dark_is_the_readers_choice_or_a_click_away(opened, analysis):
    page = opened(analysis, color_scheme="dark")
    paper = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(paper)
    page.click("#theme")
    light = page.evaluate(paper)
    assert (dark, light) == ("rgb(16, 20, 25)", "rgb(255, 255, 255)")
    page.click("#theme")
    assert page.evaluate(paper) == dark


def test_names_that_are_markup_are_text(opened, analysis):
    layers = (Layer(HOSTILE.replace(".", ""), HOSTILE, HOSTILE, 1, 1, params=30, macs=5),)
    model = replace(analysis.model, name=HOSTILE, target=HOSTILE)
    advice = (replace(analysis.advice[0], path=HOSTILE, current=HOSTILE, notes=(HOSTILE,)),)
    page = opened(replace(analysis, model=model, layers=layers, advice=advice, plan=()))
    assert page.query_selector_all("img") == []
    assert page.inner_text("h1") == HOSTILE.replace("\u202e", "\\u202e")
    assert HOSTILE.replace("\u202e", "\\u202e") in page.inner_text(".layers tbody")


@pytest.mark.parametrize("name", ["analysis_of", "advised", "incomplete", "checkpoint", "unchanged"])
def test_every_kind_of_analysis_opens(opened, name, request):
    found = request.getfixturevalue(name)
    page = opened(found() if callable(found) else found)
    assert page.inner_text("h1")


def test_sections_are_a_link_away(opened, analysis):
    page = opened(analysis, reduced_motion="reduce")
    page.click(".jump >> text=Layers")
    assert page.locator("h2:text-is('Layers')").evaluate("head => head.getBoundingClientRect().top") < 200


def test_nothing_sticks_out_on_a_phone(opened, analysis, symbolic, renamed):
    differences = [None, difference(analysis, renamed, "net"), None]
    page = opened(analysis, renamed, symbolic, differences=differences, viewport={"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.click("[data-model='2']")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(opened, analysis, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-core is an extra for tests").Axe()
    page = opened(analysis, color_scheme=scheme)
    page.click("text=The plan")
    found = axe.run(page, options={"resultTypes": ["violations"]}).response["violations"]
    assert [(item["id"], item["nodes"][0]["html"][:200]) for item in found] == []


def test_axe_finds_nothing_in_a_comparison(opened, analysis, renamed):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-core is an extra for tests").Axe()
    page = opened(analysis, renamed, differences=[None, difference(analysis, renamed, "net")])
    found = axe.run(page, options={"resultTypes": ["violations"]}).response["violations"]
    assert [(item["id"], item["nodes"][0]["html"][:200]) for item in found] == []


def large(layers):
    """As many layers in blocks of ten, every block of other sizes."""
    made = tuple(
        Layer(
            f"blocks.{number // 10}.layer{number % 10}",
            ("Linear", "LayerNorm")[number % 2],
            "net.py",
            number % 500 + 1,
            calls=1,
            output_shapes=((1, number),),
            params=number,
            macs=1000 * number,
        )
        for number in range(layers)
    )
    total = replace(EMPTY.total, params=sum(layer.params for layer in made), macs=sum(layer.macs for layer in made))
    return replace(EMPTY, layers=made, total=total)


EMPTY = Analysis.from_json(
    json.dumps(
        {
            "analyzer_version": "0",
            "model": {"name": "large", "target": "net.py", "kind": "Net"},
            "inputs": [],
            "tracing": {"mode": "meta", "operators": 1},
            "total": {"params": 0, "trainable_params": 0, "buffers": 0, "param_bytes": 0, "macs": 0},
            "complete": True,
        }
    )
)


def test_ten_thousand_layers_open_within_two_seconds(opened):
    """Of the page's own thread: what else the machine does is not the page's."""
    page = opened()
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    file = opened.write(large(10_000))
    page.goto(file.as_uri())
    metrics = {item["name"]: item["value"] for item in session.send("Performance.getMetrics")["metrics"]}
    assert page.inner_text(".told >> nth=0")
    assert metrics["TaskDuration"] < 2


def test_a_hundred_thousand_modules_say_that_they_are_added_up(opened):
    page = opened(large(100_000))
    said = page.inner_text(".note >> nth=0")
    shown = re.search(r"This model has 110,002 modules. The page shows ([\d,]+):", said)
    assert int(shown[1].replace(",", "")) <= 12_000
    page.click("text=Fold all")
    assert f"{sum(range(100_000)):,}" in page.inner_text("tr[data-path=blocks]")


def test_a_click_sorts_many_models_and_those_without_a_value_stay_last(browser, tmp_path):
    models = [("b", 1000), ("c", None), ("a", 999), (HOSTILE, 10**6)]
    table = [SweepRow(name, name, 1, macs, complete=True, uncounted=(HOSTILE,)) for name, macs in models]
    file, said = tmp_path / "sweep.html", []
    file.write_text(sweep_page.render(Sweep(analyzer_version="1", device="d", sorted_by="macs", rows=tuple(table))))
    with browser.new_context() as context, context.new_page() as shown:
        shown.on("console", lambda message: said.append(message.text))
        shown.on("pageerror", lambda error: said.append(str(error)))
        shown.goto(file.as_uri())

        def names():
            cells = shown.eval_on_selector_all("#table tbody th", "all => all.map(cell => cell.dataset.value)")
            return "".join(name[-1] for name in cells)

        orders = []
        for title in ("MACs", "MACs", "model", "model"):
            shown.click(f"#table button:text-is('{title}')")
            orders.append(names())
        assert orders == ["lbac", "ablc", "labc", "cbal"]
        assert shown.get_attribute("#table th >> nth=0", "aria-sort") == "descending"
    assert said == []
