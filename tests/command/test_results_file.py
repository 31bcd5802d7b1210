"""The file that a sweep goes on from: begun, gone on with, mended after a kill, and refused when it is another's."""

from pathlib import Path

import pytest

from analyzer.command.results_file import ResultsHeader, results_file
from analyzer.values.errors import Problem
from analyzer.values.estimates import Span
from analyzer.values.sweep_rows import PublishedAccuracy, SweepRow

HEADER = ResultsHeader({"analyzer": "1"}, {"input": ("1x3x8x8",), "timeout": 600.0, "set": {}})
ROW = SweepRow("zoo:a", "a", 2**70, 3, receptive_field=(3, 3), seconds=Span(0.1, 0.25), complete=True)
ROWS = (ROW, SweepRow("b.py", "b", accuracy=PublishedAccuracy(76.13, "acc@1")), SweepRow("c", "c", failure="kil\nled"))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "rows.jsonl"


def kept(place: Path, *more: SweepRow, header: ResultsHeader = HEADER) -> list[SweepRow]:
    with results_file(str(place), header) as file:
        before = list(file.rows.values())
        for row in more:
            file.append(row)
    return before


def test_rows_come_back_as_they_were_written(place: Path) -> None:
    assert kept(place, *ROWS[:2]) == []
    assert kept(place, ROWS[2]) == [*ROWS[:2]]
    assert kept(place) == [*ROWS]


def test_a_row_is_in_the_file_as_soon_as_it_is_known(place: Path) -> None:
    with results_file(str(place), HEADER) as file:
        for number, row in enumerate(ROWS, 2):
            file.append(row)
            assert place.read_bytes().count(b"\n") == number


def test_wherever_the_file_was_cut_its_whole_rows_stand(place: Path) -> None:
    kept(place, *ROWS)
    whole = place.read_bytes()
    for length in range(len(whole)):
        place.write_bytes(whole[:length])
        rows = max(whole[:length].count(b"\n") - 1, 0)
        assert kept(place, *ROWS[rows:]) == [*ROWS[:rows]]
        assert place.read_bytes() == whole


@pytest.mark.parametrize(
    ("header", "sentence"),
    [
        (ResultsHeader({"analyzer": "2"}, HEADER.options), "its version analyzer is 1, this call's 2"),
        (ResultsHeader({"analyzer": "1", "timm": "3"}, HEADER.options), "its version timm is not given, this call's 3"),
        (
            ResultsHeader(HEADER.versions, {**HEADER.options, "input": ()}),
            'its option input is ["1x3x8x8"], this call\'s not given',
        ),
        (
            ResultsHeader(HEADER.versions, {**HEADER.options, "timeout": 5.0}),
            "its option timeout is 600.0, this call's 5.0",
        ),
    ],
)
def test_rows_of_another_version_or_of_other_options_are_not_mixed(place, header, sentence) -> None:
    kept(place, *ROWS)
    before = place.read_bytes()
    with pytest.raises(Problem) as raised:
        kept(place, header=header)
    assert str(raised.value) == f"--results {place}: {sentence}; rows are not mixed, so give another file"
    assert place.read_bytes() == before


@pytest.mark.parametrize(
    "text", [b"print('mine')\n", b"import torch", b"{}\n", b'{"kind": "another"}\n', b"\n", b"\xff\n"]
)
def test_a_file_of_the_users_is_left_alone(place: Path, text: bytes) -> None:
    place.write_bytes(text)
    with pytest.raises(Problem, match="not written by analyze --results"):
        kept(place)
    assert place.read_bytes() == text


def test_a_line_that_is_no_row_is_named(place: Path) -> None:
    kept(place, *ROWS)
    first, second, *rest = place.read_bytes().splitlines(keepends=True)
    place.write_bytes(b"".join((first, second, b"half a\n", *rest)))
    with pytest.raises(Problem, match="line 3 is not a row of a sweep"):
        kept(place)


def test_two_calls_do_not_write_to_one_file(place: Path) -> None:
    with results_file(str(place), HEADER), pytest.raises(Problem, match="another analyze is writing to it"):
        kept(place)


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="no such file or directory; choose another place"):
        kept(tmp_path / "no" / "rows.jsonl")


def test_without_a_file_rows_are_kept_for_this_call() -> None:
    with results_file(None, HEADER) as file:
        file.append(ROW)
        assert file.rows == {"zoo:a": ROW}
