"""The microbenchmark's figures are kept, and measured anew when what they hold for has changed."""

from dataclasses import replace
from pathlib import Path

import pytest

from analyzer.measuring import calibration
from analyzer.measuring.calibration import Attained, CalibrationConditions, cache_file, device_of, this_device

HERE = CalibrationConditions(calibration.VERSION, "2.14.1", 1, "a processor")


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[CalibrationConditions]:
    """What was measured, in place of measuring it."""
    calls: list[CalibrationConditions] = []

    def measure(wanted: CalibrationConditions) -> Attained:
        calls.append(wanted)
        return Attained(wanted, 90e9 * wanted.threads, 80e9, 20e9)

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(calibration, "measure", measure)
    monkeypatch.setattr(calibration, "conditions", lambda threads: replace(HERE, threads=threads))
    return calls


def test_measured_once(measured: list[CalibrationConditions]) -> None:
    said: list[str] = []
    first, second = this_device(1, said.append), this_device(1, said.append)
    assert first == second
    assert measured == [HERE]
    assert said == ["measuring this machine with 1 thread"]


def test_each_number_of_threads_is_measured_and_both_are_kept(measured: list[CalibrationConditions]) -> None:
    peaks = [this_device(threads).peak("float32") for threads in (1, 2, 1, 2)]
    assert peaks == [90e9, 180e9, 90e9, 180e9]
    assert len(measured) == 2


@pytest.mark.parametrize("change", [{"torch": "2.15.0"}, {"processor": "another"}, {"version": 0}])
def test_another_machine_is_measured_anew(
    measured: list[CalibrationConditions], monkeypatch: pytest.MonkeyPatch, change: dict[str, object]
) -> None:
    this_device()
    monkeypatch.setattr(calibration, "conditions", lambda _: replace(HERE, **change))
    this_device()
    assert len(measured) == 2


@pytest.mark.parametrize("text", [b"", b"{", b'[{"product": 1}]'])
def test_a_file_that_cannot_be_read_is_written_anew(measured: list[CalibrationConditions], text: bytes) -> None:
    cache_file().parent.mkdir(parents=True)
    cache_file().write_bytes(text)
    this_device()
    this_device()
    assert len(measured) == 1


def test_a_cache_that_cannot_be_written_is_no_error(measured: list[CalibrationConditions], tmp_path: Path) -> None:
    (tmp_path / "analyze").write_text("a file where the folder should be")
    assert this_device().bandwidth == 20e9


def test_the_cache_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_file() == tmp_path / "analyze" / "this-device.json"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_file() == tmp_path / ".cache" / "analyze" / "this-device.json"


def test_the_profile_takes_the_better_of_product_and_convolution_and_says_how() -> None:
    device = device_of(Attained(HERE, 70e9, 80e9, 20e9))
    assert (device.name, device.peak("float32"), device.bandwidth, device.is_measured) == ("this", 80e9, 20e9, True)
    for said in ("a processor", "torch 2.14.1", "1 thread", "768×768", "64 MiB"):
        assert said in device.source


def test_measuring_for_real(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(calibration, "SECONDS", 0.01)
    threads = torch.get_num_threads()
    found = calibration.measure(calibration.conditions(1))
    assert 1e8 < found.convolution < 1e13
    assert 1e8 < found.product < 1e13
    assert 1e7 < found.copy < 1e12
    assert torch.get_num_threads() == threads
