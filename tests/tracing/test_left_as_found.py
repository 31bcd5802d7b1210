"""Any forward that is run for another purpose than a trace leaves the user's objects as they were."""

from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from typing import Any

import pytest
import torch
from state_audit import audited
from torch import nn
from torchvision import models

from analyzer.analysis import study
from analyzer.loading import from_module
from analyzer.loading.loaded_model import LoadedModel
from analyzer.reconciliation import reconcile
from analyzer.tracing import trace
from analyzer.tracing.left_as_found import left_as_found
from analyzer.tracing.real_forward import real_forward
from analyzer.tracing.training_step import follow_step

SEEN: list[Any] = []


@lru_cache
def remembered(number: int) -> list[int]:
    return [number]


class Remembering(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 8)
        self.cache: dict[str, Any] = {}

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        SEEN.append(x)
        return self.layer(self.cache.setdefault("x", x))


def real(loaded: LoadedModel) -> None:
    with real_forward(loaded, 0) as (module, (args, kwargs)):
        module(*args, **kwargs)
        assert len(SEEN) == 1


def training(loaded: LoadedModel) -> None:
    follow_step(loaded, "sgd")


def other_counters(loaded: LoadedModel) -> None:
    reconcile(loaded, trace(loaded), {})


def raising(loaded: LoadedModel) -> None:
    with suppress(KeyError), left_as_found(loaded):
        SEEN.append(1)
        raise KeyError


def test_the_audit_sees_another_result_in_a_cache_of_the_same_size() -> None:
    remembered(1)
    with pytest.raises(AssertionError, match="caches hold results"):
        audited((Remembering(),), lambda: (remembered.cache_clear(), remembered(2)))
    audited((Remembering(),), lambda: (remembered(2), remembered.cache_clear()))


@pytest.mark.parametrize("run", [real, training, other_counters, raising])
def test_nothing_is_left_behind(run: Callable[[LoadedModel], None]) -> None:
    model, x = Remembering(), torch.ones(2, 8)
    loaded = from_module(model, (x,), {})
    audited((model, x), lambda: run(loaded))
    assert (SEEN, model.cache) == ([], {})


CLASSIFIERS = "googlenet mobilenet_v3_small resnet18 shufflenet_v2_x0_5 squeezenet1_1 swin_t vit_b_32"
SEGMENTATION = "lraspp_mobilenet_v3_large"
DETECTION = "ssdlite320_mobilenet_v3_large"


def built(name: str) -> nn.Module:
    weights = {"weights": None, "weights_backbone": None} if name in f"{SEGMENTATION} {DETECTION}".split() else {}
    return models.get_model(name, **weights).eval()


def audit(name: str, given: Any) -> None:
    model = built(name)
    analysis = audited((model, given), lambda: study(from_module(model, (given,), {})).analysis)
    assert analysis.complete or analysis.uncounted
    assert analysis.absences == ()
    assert analysis.total.params == sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize("name", CLASSIFIERS.split())
def test_classifiers(name: str) -> None:
    audit(name, torch.zeros(1, 3, 224 if name == "vit_b_32" else 96, 224 if name == "vit_b_32" else 96))


@pytest.mark.parametrize("name", SEGMENTATION.split())
def test_segmentation(name: str) -> None:
    audit(name, torch.zeros(1, 3, 96, 96))


@pytest.mark.parametrize("name", DETECTION.split())
def test_detection(name: str) -> None:
    audit(name, [torch.rand(3, 96, 96)])
