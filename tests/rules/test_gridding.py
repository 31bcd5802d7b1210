from analyzer.formats.wording.rule_words import words
from analyzer.rules.gridding import observe
from analyzer.values.facts import Grid


def test_no_holes_no_finding(layer, model):
    assert list(observe(model(layer(dilation=2)))) == []


def test_axes_with_the_same_holes_are_stated_together(model):
    """Rates 2, 4, 8 reach 29 positions and leave 14 of them unread."""
    path = ("a", "b", "c")
    (finding,) = observe(model(grids=(Grid(path, 0, 29, 14), Grid(path, 1, 29, 14))))
    assert finding.path == "c"
    assert words(finding.current) == "of 29 positions in its field along axes 0 and 1, 14 (48.3 %) are never read"
    assert words(finding.notes[0]) == "path: a → b → c"


def test_axes_that_differ_are_two_findings(model):
    found = list(observe(model(grids=(Grid(("a", "b"), 0, 9, 4), Grid(("a", "b"), 1, 13, 6)))))
    assert [words(finding.current) for finding in found] == [
        "of 9 positions in its field along axis 0, 4 (44.4 %) are never read",
        "of 13 positions in its field along axis 1, 6 (46.2 %) are never read",
    ]
