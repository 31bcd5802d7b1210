from dataclasses import replace

from analyzer.formats.html.page_data import command, page_data
from analyzer.values.counts import Input


def test_totals_beyond_what_javascript_holds_are_text(analysis):
    whole = replace(analysis.total, params=2**60 + 1, param_bytes=4 * (2**60 + 1), macs=2**53)
    (model,) = page_data([replace(analysis, total=whole)], [None]).models
    assert (model.totals.params, model.totals.macs) == (str(2**60 + 1), str(2**53))
    assert model.totals.itemsize == 4


def test_parameters_of_several_types_have_no_one_size(analysis):
    whole = replace(analysis.total, params=3, param_bytes=8)
    assert page_data([replace(analysis, total=whole)], [None]).models[0].totals.itemsize is None


def test_limits_on_all_layers_are_held_to_the_ticks(gated):
    limits = page_data([gated], [None]).models[0].limits
    assert [(limit.bar, limit.metric, limit.limit) for limit in limits] == [(0, "macs", 40_000), (1, "params", 10_000)]


def test_the_command_names_target_inputs_and_checkpoint(analysis):
    given = (Input("ids", (1, 8), "int64"), Input("mask", (1, 8), "bool"))
    model = replace(analysis.model, checkpoint="net.pth")
    assert command(replace(analysis, inputs=given, model=model)) == [
        *("analyze", "net.py:Net", "--input", "ids=1x8:int64", "--input", "mask=1x8:bool"),
        *("--checkpoint", "net.pth"),
    ]


def test_no_command_finds_a_module_that_python_had(analysis):
    assert command(replace(analysis, model=replace(analysis.model, target=analysis.model.name))) == []


def test_models_of_one_page_share_their_strings(analysis):
    alone, both = page_data([analysis], [None]), page_data([analysis, analysis], [None, None])
    assert alone.strings == both.strings
    assert both.models[0] == both.models[1]
