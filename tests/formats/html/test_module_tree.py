from analyzer.formats.html.module_tree import deepest_shown, module_tree
from analyzer.values.counts import Layer


def test_children_stand_in_execution_order(analysis):
    assert list(module_tree(analysis.layers).children) == ["stem", "head"]


def test_those_that_are_below_come_before_those_that_hold_them(analysis):
    names = [module.name for module in module_tree(analysis.layers).below()]
    assert names.index("conv") < names.index("stem")


def test_as_deep_as_there_is_room():
    root = module_tree([Layer(f"{block}.{layer}", "Linear") for block in range(3) for layer in range(5)])
    assert [deepest_shown(root, most) for most in (3, 4, 18, 19)] == [0, 1, 1, 2]
