import pytest
import torch

from analyzer.measuring.timing_settings import Settings, check
from analyzer.values.errors import Problem


@pytest.mark.parametrize("settings", [Settings(), Settings(threads=8, batch=32, dtype="bfloat16", channels_last=True)])
def test_what_a_cpu_can_do_passes(settings):
    check(settings)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (Settings(device="tpu"), "--device tpu: models are timed on cpu, cuda or one of several as in cuda:1"),
        (Settings(device="cuda:one"), "--device cuda:one: models are timed on"),
        (Settings(threads=0), "--threads 0: at least one"),
        (Settings(batch=0), "--batch 0: give the number of samples"),
        (Settings(dtype="int8"), "--dtype int8: models are timed in float32, float16, bfloat16 or float64"),
    ],
)
def test_what_cannot_be_is_refused(settings, said):
    with pytest.raises(Problem) as refused:
        check(settings)
    assert str(refused.value).startswith(said)


def test_cuda_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(Problem, match="--device cuda: torch finds no CUDA device on this machine"):
        check(Settings(device="cuda"))


def test_a_cuda_device_beyond_those_there_are_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    check(Settings(device="cuda:1"))
    with pytest.raises(Problem, match="--device cuda:2: this machine has 2, counted from cuda:0"):
        check(Settings(device="cuda:2"))
