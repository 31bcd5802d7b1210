from dataclasses import replace

from analyzer.values.comparison import compare
from analyzer.values.counts import Model, Total, Tracing
from analyzer.values.results import Analysis, ComparisonRow


def test_every_analysis_is_a_row_in_the_order_given():
    total = Total(3, 2, 1, 12, macs=7, flops=14, other_flops=5, peak_activation_bytes=40)
    first = Analysis(
        analyzer_version="0.1.0",
        model=Model("a", "a.py", "A"),
        inputs=(),
        tracing=Tracing("meta", 1),
        total=total,
        complete=True,
    )
    unknown = replace(first, model=Model("b", "b.pth", ""), total=Total(3, 3, 0, 12), complete=False)
    assert compare([first, unknown]) == (
        ComparisonRow("a", "a.py", 3, 12, 7, 5, 40, True),
        ComparisonRow("b", "b.pth", 3, 12, None, None, None, False),
    )
    assert compare([]) == ()
