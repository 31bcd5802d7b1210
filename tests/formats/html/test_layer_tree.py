from dataclasses import replace

from analyzer.formats.html.embedding import Strings
from analyzer.formats.html.layer_tree import layer_tree
from analyzer.values.counts import Layer, Lines


def values(tree, place):
    return dict(zip(tree.columns, tree.rows[place], strict=True))


def unfolded(tree, strings, place=None, path=""):
    """Paths and rows of all modules, as the page's scripts unfold them."""
    row, *kids = tree.nodes[tree.root if place is None else place]
    yield path, None if row < 0 else values(tree, row)
    for name, kid in zip(kids[::2], kids[1::2], strict=True):
        yield from unfolded(tree, strings, kid, f"{path}.{strings.texts[name]}".lstrip("."))


def test_every_layer_is_found_again(analysis):
    strings = Strings()
    found = dict(unfolded(layer_tree(analysis, strings), strings))
    assert list(found) == ["", "stem", "stem.conv", "stem.norm", "head"]
    conv = found["stem.conv"]
    assert (conv["params"], conv["macs"], conv["elements"]) == (16 * 27, 16 * 27 * 64, 16 * 64)
    assert strings.texts[conv["place"]] == "net.py:8"
    assert strings.texts[conv["outputs"]] == "1×16×8×8"


def test_the_users_own_line_stands_before_a_librarys(analysis_of, analysis):
    conv, head = replace(analysis.layers[2], path="conv"), replace(analysis.layers[4], path="head")
    built = replace(conv, file="torchvision/resnet.py", construction=(Lines("net.py", 3, 3), Lines("net.py", 9, 9)))
    own = replace(head, construction=(Lines("net.py", 10, 10),))
    strings = Strings()
    found = dict(unfolded(layer_tree(analysis_of((built, own)), strings), strings))
    assert strings.texts[found["conv"]["caller"]] == "net.py:3"
    assert strings.texts[found["head"]["caller"]] == ""


def test_a_module_without_a_row_holds_its_children(analysis_of):
    strings = Strings()
    layers = (Layer("blocks.0", "Linear", calls=1), Layer("blocks.1", "Linear", calls=1))
    found = dict(unfolded(layer_tree(analysis_of(layers), strings), strings))
    assert found["blocks"] is None
    assert found["blocks.1"]["kind"] == found["blocks.0"]["kind"]


def test_equal_blocks_are_told_once(analysis_of):
    def blocks(number):
        return tuple(
            Layer(f"blocks.{block}.{name}", "Linear", params=6, macs=6, calls=1)
            for block in range(number)
            for name in ("up", "down")
        )

    small, large = (layer_tree(analysis_of(blocks(number)), Strings()) for number in (2, 200))
    assert len(small.nodes) == len(large.nodes)
    assert small.rows == large.rows


def test_deep_modules_are_added_up_beyond_what_is_shown(analysis_of):
    layers = tuple(
        Layer(f"block{block}.layer{layer}", "Linear", params=5, macs=7, calls=1, output_shapes=((2, 3),))
        for block in range(4)
        for layer in range(10)
    )
    strings = Strings()
    tree = layer_tree(analysis_of(layers), strings, most=20)
    assert (tree.modules, tree.shown) == (1 + 4 + 40, 1 + 4)
    found = dict(unfolded(tree, strings))
    assert found["block0"]["params"] == 10 * 5
    assert found["block0"]["macs"] == 10 * 7
    assert found["block0"]["elements"] == 10 * 6
    assert found["block0"]["inside"] == 10


def test_work_that_is_unknown_stays_so_where_it_is_added_up(analysis_of):
    layers = (Layer("a.b", "Linear", macs=None, calls=1), Layer("a.c", "Linear", macs=3, calls=1))
    strings = Strings()
    assert dict(unfolded(layer_tree(analysis_of(layers), strings, most=2), strings))["a"]["macs"] is None


def test_a_hundred_thousand_modules_side_by_side_are_binned(analysis_of):
    layers = tuple(Layer(f"layers.{number}", "Linear", params=2, macs=3, calls=1) for number in range(100_000))
    strings = Strings()
    tree = layer_tree(analysis_of(layers), strings)
    found = dict(unfolded(tree, strings))
    assert tree.modules == 100_002
    assert tree.shown == len(found) == 2 + 1000
    assert found["layers.0 … 99"]["inside"] == 100
    assert sum(row["params"] for row in found.values() if row) == 200_000


def test_a_module_that_ran_twice_gives_its_output_twice(analysis_of, analysis):
    conv = replace(analysis.layers[2], path="conv", calls=2)
    strings = Strings()
    assert dict(unfolded(layer_tree(analysis_of((conv,)), strings), strings))["conv"]["elements"] == 2 * 16 * 64
