import pytest
from torch import nn

from analyzer.loading import available_memory
from analyzer.measuring import memory_limits
from analyzer.values.errors import Problem

GIB = 2**30


def test_what_a_run_needs_is_weights_inputs_and_the_peak(consult):
    advised_model = consult(nn.Sequential(nn.Conv2d(3, 8, 1, bias=False)).eval())
    weights, inputs, peak = 8 * 3 * 4, 3 * 8 * 8 * 8, advised_model.count.total.peak_activation_bytes
    assert peak == 8 * 8 * 8 * 4
    assert memory_limits.needed(advised_model.count) == weights + inputs + peak
    assert memory_limits.needed(advised_model.count, copies=2) == 2 * weights + inputs + peak
    assert memory_limits.needed(advised_model.count, scale=16) == weights + 16 * (inputs + peak)
    assert memory_limits.needed(advised_model.count, itemsize=2) == weights // 2 + inputs + peak


def test_buffers_count_as_stored(consult):
    plain, normed = nn.Conv2d(3, 8, 1, bias=False), nn.BatchNorm2d(8)
    advised_model = consult(nn.Sequential(plain, normed).eval())
    # Scale, shift, mean and variance of float32, and one int64 counter.
    stored = 8 * 3 * 4 + 4 * 8 * 4 + 8
    assert memory_limits.needed(advised_model.count, copies=2) - memory_limits.needed(advised_model.count) == stored


def test_what_does_not_fit_is_refused_with_both_numbers():
    with pytest.raises(Problem, match=r"huge cannot be timed here: .* need 812\.0 GiB and 16\.0 GiB are free"):
        memory_limits.refuse_what_does_not_fit("huge", 812 * GIB, 16 * GIB)


@pytest.mark.parametrize("free", [16 * GIB, None])
def test_what_fits_or_cannot_be_known_is_let_through(free):
    memory_limits.refuse_what_does_not_fit("net", 16 * GIB, free)


def test_the_system_tells_what_is_left(tmp_path, monkeypatch):
    told = tmp_path / "meminfo"
    told.write_text("MemTotal: 9000 kB\nMemFree: 1000 kB\nMemAvailable:    5000 kB\n")
    monkeypatch.setattr(available_memory, "MEMINFO", told)
    monkeypatch.setattr(available_memory, "CGROUP", tmp_path)
    assert memory_limits.available("cpu") == 5000 * 1024


@pytest.mark.parametrize(("most", "left"), [("3000000", 1000000), ("max", 5000 * 1024)])
def test_a_container_has_a_limit_of_its_own(tmp_path, monkeypatch, most, left):
    (tmp_path / "meminfo").write_text("MemAvailable:    5000 kB\n")
    (tmp_path / "memory.max").write_text(f"{most}\n")
    (tmp_path / "memory.current").write_text("2000000\n")
    monkeypatch.setattr(available_memory, "MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(available_memory, "CGROUP", tmp_path)
    assert memory_limits.available("cpu") == left


def test_a_gpu_tells_its_own(monkeypatch):
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda device: {"cuda:1": (7, 9)}[device])
    assert memory_limits.available("cuda:1") == 7


@pytest.mark.parametrize(("answers", "kept"), [((1, 1), True), ((1, 0), False), ((0, 1), False)])
def test_keeping_freed_memory_is_asked_of_the_c_library_once(monkeypatch, answers, kept):
    asked, replies = [], dict(zip((-4, -1), answers, strict=True))
    library = type("Library", (), {"mallopt": staticmethod(lambda *given: asked.append(given) or replies[given[0]])})
    monkeypatch.setattr(memory_limits, "_is_kept", False)
    monkeypatch.setattr("ctypes.CDLL", lambda _: library)
    assert memory_limits.keep_freed_memory() is kept
    assert memory_limits.is_freed_memory_kept() is kept
    assert asked[0] == (-4, 0)
    before = len(asked)
    memory_limits.keep_freed_memory()
    assert (len(asked) == before) is kept


def test_another_c_library_cannot_keep_it(monkeypatch):
    monkeypatch.setattr(memory_limits, "_is_kept", False)
    monkeypatch.setattr("ctypes.CDLL", lambda _: object())
    assert not memory_limits.keep_freed_memory()
