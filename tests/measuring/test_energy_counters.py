import pytest

from analyzer.measuring.energy_counters import Counter, NoCounter, counter_for, energy_of, powercap


def package(folder, number, energy, name="package-0", most=10_000_000):
    zone = folder / f"intel-rapl:{number}"
    zone.mkdir()
    (zone / "name").write_text(f"{name}\n")
    (zone / "energy_uj").write_text(f"{energy}\n")
    (zone / "max_energy_range_uj").write_text(f"{most}\n")
    return zone


def test_packages_are_added_and_their_parts_left_out(tmp_path):
    package(tmp_path, "0", 2_000_000)
    package(tmp_path, "1", 500_000, "package-1")
    package(tmp_path, "0:0", 7_000_000, "core")
    counter = powercap(tmp_path)
    assert counter.read() == 2.5
    assert counter.wraps_at == 10.0
    assert counter.source.startswith("RAPL counters of 2 processor packages")


def test_without_counters_the_reason_is_said(tmp_path):
    with pytest.raises(NoCounter, match="this machine offers no energy counters"):
        powercap(tmp_path / "none")


def test_a_counter_that_may_not_be_read_is_none(tmp_path):
    (package(tmp_path, "0", 1) / "energy_uj").unlink()
    with pytest.raises(NoCounter, match=r"the energy counters cannot be read \(No such file"):
        powercap(tmp_path)


@pytest.mark.parametrize(("before", "after"), [(1.0, 7.0), (9.0, 5.0)])
def test_joules_are_those_of_one_run_also_where_the_counter_wraps(before, after, ticking):
    readings = iter([before, after])
    runs = []
    counter = Counter(lambda: next(readings), "a counter", wraps_at=10.0)
    energy = energy_of(lambda: runs.append(1), counter, seconds=3.0, clock=ticking(1.0))
    # The clock is read at the begin and before each run but the first: 3 seconds have passed after three runs.
    assert (energy.runs, len(runs)) == (3, 3)
    assert energy.joules == 6.0 / 3
    assert energy.source == "a counter"


def test_a_gpu_without_its_library_has_none(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pynvml", None)
    with pytest.raises(NoCounter, match="needs nvidia-ml-py, which is not installed"):
        counter_for("cuda")


def test_a_gpu_has_a_counter_in_millijoules(monkeypatch):
    from types import SimpleNamespace

    library = SimpleNamespace(
        NVMLError=OSError,
        nvmlInit=lambda: None,
        nvmlDeviceGetHandleByIndex=lambda index: {3: "third"}[index],
        nvmlDeviceGetTotalEnergyConsumption=lambda handle: {"third": 2500}[handle],
    )
    monkeypatch.setitem(__import__("sys").modules, "pynvml", library)
    assert counter_for("cuda:3").read() == 2.5
