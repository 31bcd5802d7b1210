from dataclasses import replace

from analyzer.formats.ci import step_summary
from analyzer.formats.markdown import report
from analyzer.values.counts import Layer

MIB = 1024 * 1024


def huge(analysis_of, name):
    layers = tuple(Layer(f"{'deep.' * 40}l{index}", "Linear", params=10) for index in range(2000))
    analysis = analysis_of(layers)
    return replace(analysis, model=replace(analysis.model, name=name))


def test_the_summary_is_the_report_without_its_figure(gated):
    assert step_summary.render([gated]) == report.render(gated)
    assert ".svg" not in step_summary.render([gated])


def test_several_models_follow_their_comparison(analysis, gated):
    text = step_summary.render([analysis, gated])
    assert text.startswith("# Comparison\n")
    assert text.endswith(report.render(gated))


def test_it_is_cut_at_one_mebibyte_after_a_row(analysis_of):
    several = [huge(analysis_of, name) for name in ("a", "b", "c", "d")]
    assert sum(len(report.render(one).encode()) for one in several) > MIB
    text = step_summary.render(several)
    assert MIB - 2000 < len(text.encode()) <= MIB
    assert text.endswith("The full reports are among the files of this run.*\n")
    assert text.count("<details>") == text.count("</details>")
