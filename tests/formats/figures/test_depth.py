from analyzer.formats.figures.depth import Stage, binned, profile, spans, stages
from analyzer.values.counts import Layer


def test_layers_that_weigh_nothing_are_not_on_the_axis(analysis):
    found = profile(analysis)
    assert found.paths == ("stem.conv", "stem.norm", "head")
    assert found.params == (16 * 3 * 3 * 3, 2 * 16, 1024 * 10 + 10)
    assert found.macs == (16 * 3 * 3 * 3 * 8 * 8, 0, 1024 * 10)
    assert found.gaps == 0


def test_work_without_a_count_is_a_gap(incomplete):
    assert profile(incomplete).gaps == 1


def test_a_checkpoint_without_layers_shows_its_tensors(checkpoint):
    found = profile(checkpoint)
    assert (found.paths[0], found.params, found.measure) == ("stem.weight", (432, 160, 1), "Stored elements")


def test_no_layers_are_an_empty_profile(analysis_of):
    assert profile(analysis_of(())).paths == ()


def test_spans_are_runs_of_equal_neighbours():
    assert spans(["a", "a", "b", "a"]) == (Stage("a", 0, 2), Stage("b", 2, 3), Stage("a", 3, 4))
    assert spans([]) == ()


def test_stages_are_top_level_blocks():
    assert [stage.path for stage in stages(["stem.a", "left.0.a", "left.0.b", "right.0.c"])] == [
        "stem",
        "left",
        "right",
    ]


def test_a_block_of_more_than_half_of_the_depth_is_divided():
    paths = [f"layers.{index}.{part}" for index in range(4) for part in "ab"]
    assert [stage.path for stage in stages([*paths, "head"])] == [
        "layers.0",
        "layers.1",
        "layers.2",
        "layers.3",
        "head",
    ]


def test_what_would_be_too_many_stages_stays_whole():
    assert stages([f"layers.{index}" for index in range(500)]) == (Stage("layers", 0, 500),)


def test_bins_keep_the_sum():
    assert binned((1, 2, 3, 4, 5), 2) == (3, 7, 5)


def test_one_layer_is_one_stage(analysis_of):
    assert stages(profile(analysis_of((Layer("", "Net", params=1),))).paths) == (Stage("", 0, 1),)
