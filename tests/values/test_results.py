from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzer.values.counts import Cost, Model, StoredTensor, Total, Tracing
from analyzer.values.results import Analysis

counts = st.integers(min_value=0, max_value=2**80)


def minimal() -> Analysis:
    return Analysis(
        analyzer_version="0.1.0",
        model=Model("net", "net.py", "Net"),
        inputs=(),
        tracing=Tracing("meta", 0),
        total=Total(0, 0, 0, 0, 0),
        complete=True,
    )


def test_costs_add_up_and_a_total_is_their_sum():
    costs = [Cost(1, 2), Cost(10, 20), Cost(100, 200)]
    assert sum(costs) == Cost(111, 222)
    assert Cost(5, 7) - Cost(2, 3) == Cost(3, 4)
    assert sum([]) == 0


def test_a_stored_tensor_knows_its_elements():
    assert StoredTensor("w", (16, 3, 3, 3), "float32", 1728).numel == 16 * 3 * 3 * 3
    assert StoredTensor("step", (), "int64", 8).numel == 1
    assert StoredTensor("empty", (0, 5), "float32", 0).numel == 0


st.register_type_strategy(float, st.floats(allow_nan=False, allow_infinity=False))  # a ratio is always finite


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.data_too_large])  # an analysis is large
@given(st.from_type(Analysis))
def test_json_gives_back_exactly_the_same_analysis(analysis):
    assert Analysis.from_json(analysis.to_json()) == analysis


@given(counts, st.one_of(st.none(), counts))
def test_integers_of_any_size_stay_exact(params, macs):
    analysis = replace(minimal(), total=Total(params, params, 0, 4 * params, macs))
    assert Analysis.from_json(analysis.to_json()) == analysis


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "null", '{"schema_version": 1}'])
def test_text_that_is_no_analysis_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        Analysis.from_json(text)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"schema_version": 1', '"schema_version": 2'),
        ('"complete": true', '"complete": 1'),
        ('"params": 0', '"params": 0.5'),
        ('"params": 0', '"params": "0"'),
        ('"macs": 0', '"macs": "unknown"'),
    ],
)
def test_another_version_and_wrong_types_are_refused(before, after):
    text = minimal().to_json()
    assert before in text
    with pytest.raises(ValueError, match=r"Expected|Invalid"):
        Analysis.from_json(text.replace(before, after))


def test_json_is_text_for_people_too_with_a_last_newline():
    text = minimal().to_json()
    assert text.startswith("{\n  ")
    assert text.endswith("}\n")
