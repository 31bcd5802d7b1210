import msgspec

from analyzer.formats import json
from analyzer.values.results import Analysis

# The published contract, without the keys of work that is still to come.
KEYS = {
    *("schema_version", "analyzer_version", "model", "inputs", "tracing"),
    *("total", "complete", "uncounted", "never_run", "layers"),
}
BESIDES = [
    "advice",
    "formulas",
    "together",
    "plan",
    "fit",
    "harm_measurement",
    "rewriting",
    "budget",
    "verdict",
    "difference",
    "reconciliation",
    "tensors",
    "comparison",
    "latency",
    "estimates",
    "absences",
    "training",
    "scaling",
    "sizes",
    "steps",
]
NESTED = {
    "model": "name target kind file line checkpoint assumptions",
    "tracing": "mode operators reason",
    "total": "params trainable_params buffers macs flops other_flops param_bytes "
    "activation_elements peak_activation_bytes",
}
ROWS = {
    "inputs": "name shape dtype",
    "uncounted": "operator calls layers reason",
    "never_run": "path params",
    "layers": "path kind file line calls input_shapes output_shapes params macs other_flops settings arguments "
    "construction "
    "receptive_field receptive_field_least jump offset reach",
}


def test_the_keys_are_those_of_the_contract(incomplete):
    document = msgspec.json.decode(json.render([incomplete]))
    assert set(document) == {*KEYS, *BESIDES}
    for key, names in NESTED.items():
        assert set(document[key]) == set(names.split())
    for key, names in ROWS.items():
        assert document[key], f"nothing to look at in {key}"
        assert all(set(row) == set(names.split()) for row in document[key])


def test_unknown_is_null_and_never_0(checkpoint):
    total = msgspec.json.decode(json.render([checkpoint]))["total"]
    assert [total[key] for key in ("macs", "flops", "other_flops", "activation_elements")] == [None] * 4


def test_several_models_are_a_list_in_the_order_given(analysis, checkpoint):
    text = json.render([analysis, checkpoint])
    assert msgspec.json.decode(text, type=list[Analysis]) == [analysis, checkpoint]


def test_no_model_is_a_list_and_one_is_an_object(analysis):
    assert msgspec.json.decode(json.render([]), type=list[Analysis]) == []
    assert msgspec.json.decode(json.render([analysis]), type=Analysis) == analysis
