"""Ownership, totals and gaps, on traces drawn by hand with no model in sight."""

from dataclasses import replace

import pytest

from analyzer.formulas import count as counting
from analyzer.formulas.count import Count, rows_differ
from analyzer.values.counts import Cost, Uncounted
from analyzer.values.graph import Allocation, ModuleCalls, Op, OpGraph, Parameter, Tensor, Trace


def mm(layer: str, weight: str | None, rows: int = 2, inner: int = 3, columns: int = 5, storage: int = 9) -> Op:
    arguments = {"self": Tensor((rows, inner), storage=0), "mat2": Tensor((inner, columns), storage=1, weight=weight)}
    return Op("aten.mm.default", arguments, (Tensor((rows, columns), storage=storage),), layer)


def relu(layer: str, storage: int = 10) -> Op:
    x = Tensor((2, 5), storage=9)
    return Op("aten.relu.default", {"self": x}, (Tensor((2, 5), storage=storage),), layer, frozenset({"pointwise"}))


def trace(*ops: Op, modules: tuple[ModuleCalls, ...] = (), parameters: tuple[Parameter, ...] = ()) -> Trace:
    graph = OpGraph()
    graph.add_nodes_from(ops)
    return Trace(graph, modules, parameters, (), "meta", allocations=(Allocation(40, 0),))


def parameter(name: str, identity: int, *shape: int, **options: bool) -> Parameter:
    return Parameter(name, name.rpartition(".")[0], shape, "float32", 4, identity, **options)


ROOT, A, B, IDLE = (ModuleCalls(path, "M", calls) for path, calls in (("", 1), ("a", 1), ("b", 0), ("c", 0)))


def test_an_operator_belongs_to_the_innermost_running_module() -> None:
    op = mm("a", None)
    assert Count(trace(op, modules=(ROOT, A))).owners[op] == "a"


def test_an_operator_on_the_weights_of_a_module_never_called_belongs_to_that() -> None:
    op = mm("a", "b.weight")
    count = Count(trace(op, modules=(ROOT, A, B), parameters=(parameter("b.weight", 0, 3, 5),)))
    assert count.owners[op] == "b"
    assert {layer.path: (layer.calls, layer.macs, layer.params) for layer in count.layers if layer.macs} == {
        "b": (0, 2 * 3 * 5, 3 * 5)
    }
    assert count.never_run == ()


def test_an_operator_on_the_weights_of_another_called_module_stays() -> None:
    op = mm("", "a.weight")
    assert Count(trace(op, modules=(ROOT, A), parameters=(parameter("a.weight", 0, 3, 5),))).owners[op] == ""


def test_totals() -> None:
    weights = parameter("a.weight", 0, 3, 5), parameter("a.frozen", 1, 7, trainable=False)
    buffers = parameter("a.mean", 2, 4, is_buffer=True), parameter("a.again", 0, 3, 5, is_buffer=True)
    total = Count(trace(mm("a", "a.weight"), relu("a"), modules=(ROOT, A), parameters=weights + buffers)).total
    assert (total.params, total.trainable_params, total.buffers, total.param_bytes) == (15 + 7, 15, 4, 4 * (15 + 7))
    assert (total.macs, total.flops, total.other_flops) == (2 * 3 * 5, 2 * 2 * 3 * 5, 2 * 5)
    assert (total.activation_elements, total.peak_activation_bytes) == (10 + 10, 40)


def test_views_and_in_place_results_are_not_new_elements() -> None:
    assert Count(trace(relu("", storage=9))).total.activation_elements == 0


def test_a_tied_parameter_counts_once_for_its_first_owner() -> None:
    tied = parameter("a.weight", 0, 3, 5), parameter("b.weight", 0, 3, 5)
    count = Count(trace(mm("a", "a.weight"), modules=(ROOT, A, B), parameters=tied))
    assert count.total.params == 15
    assert {layer.path: layer.params for layer in count.layers if layer.params} == {"a": 15}


def test_layers_add_up_to_the_total() -> None:
    count = Count(trace(mm("a", None), relu(""), mm("", None), modules=(ROOT, A)))
    assert sum((Cost(layer.macs or 0, layer.other_flops or 0) for layer in count.layers), Cost()) == Cost(60, 10)


def test_what_never_ran_comes_last_and_is_named() -> None:
    idle = parameter("c.weight", 0, 6)
    count = Count(trace(relu("a"), modules=(ROOT, A, IDLE), parameters=(idle,)))
    assert [layer.path for layer in count.layers] == ["", "a", "c"]
    assert [(row.path, row.params) for row in count.never_run] == [("c", 6)]


def test_a_module_not_called_whose_weights_are_read_ran() -> None:
    shared = parameter("a.weight", 0, 3, 5), parameter("c.weight", 0, 3, 5)
    assert Count(trace(mm("a", "a.weight"), modules=(ROOT, A, IDLE), parameters=shared)).never_run == ()


def test_an_operator_without_a_formula_is_named_with_its_layers() -> None:
    strange = [Op("mine.magic.default", {}, (Tensor((2,)),), layer) for layer in ("b", "a", "b")]
    count = Count(trace(*strange, mm("a", None), modules=(ROOT, A)))
    assert [(row.operator, row.calls, row.layers) for row in count.uncounted] == [("mine.magic", 3, ("a", "b"))]
    assert count.total.macs == 2 * 3 * 5


ROWS_DIFFER = rows_differ


def test_work_without_a_row_is_an_error_here_and_a_gap_for_users(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = trace(mm("lost", None), modules=(ROOT, A))
    with pytest.raises(AssertionError, match=r"rows add up to \[0, 0, 0\], the totals are \[0, 30, 0\]"):
        _ = Count(lost).uncounted
    monkeypatch.setattr(counting, "rows_differ", ROWS_DIFFER)
    (gap,) = Count(lost).uncounted
    assert (gap.operator, gap.layers) == ("rows", ())
    assert gap.reason == "the rows do not add up to the total: macs 0 in the rows, 30 in total"


def test_what_a_trace_left_out_is_not_counted() -> None:
    gap = Uncounted("numpy", 2, ("a",), "not seen")
    assert Count(replace(trace(mm("a", None), modules=(ROOT, A)), gaps=(gap,))).uncounted == (gap,)
