"""The text that stands for a file which Git LFS did not fetch."""

from analyzer.values.git_lfs import is_pointer


def test_only_the_beginning_of_a_file_makes_a_pointer(tmp_path):
    (tmp_path / "notes.py").write_text("# version https://git-lfs.github.com/spec/v1\n")
    assert not is_pointer(tmp_path / "notes.py")
    assert not is_pointer(tmp_path)
    assert not is_pointer(tmp_path / "absent")
