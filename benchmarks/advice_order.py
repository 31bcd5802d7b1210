"""How well the order of the report's suggestions agrees with the accuracy that each one really loses.

    pip install --no-deps facenet-pytorch
    python benchmarks/advice_order.py digits mtcnn-onet

Every suggestion and alternative is carried out alone, as `--apply --save` does it, and the accuracy on held-out samples
is measured. Nothing is trained; the digits' network is trained here first.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from accuracy import CASES, Case
from scipy.stats import spearmanr
from torch import nn
from torch.nn.functional import cross_entropy

from analyzer.advising import Advised, best_per_layer, ordered
from analyzer.advising.advisor import AdvisedModel
from analyzer.advising.measured_harm import to_measure, told
from analyzer.advising.ranking import REPAIRED, worth
from analyzer.analysis import study
from analyzer.fitting.calibration_batches import calibration_of
from analyzer.fitting.proposal_harms import proposal_harms
from analyzer.loading import from_module
from analyzer.rewriting.carry_out import carry_out
from analyzer.rewriting.recalibrating import CalibrationInputs

SAMPLES = 256
"""Calibration inputs without labels."""


def digits() -> Case:
    """scikit-learn's digits, 1,300 to train on, 497 to test: a network of four convolutions, about 99 % right."""
    from sklearn.datasets import load_digits

    stored = load_digits()
    order = torch.randperm(len(stored.target), generator=torch.Generator().manual_seed(0))
    images = torch.tensor(stored.images, dtype=torch.float32)[order, None] / 16
    labels = torch.tensor(stored.target)[order]
    model = trained(images[:1300], labels[:1300])

    def score(other: nn.Module) -> float:
        with torch.no_grad():
            return float((other(images[1300:]).argmax(1) == labels[1300:]).float().mean())

    return Case(model, images[:SAMPLES], score, 0.5, "digits that are recognized")


def trained(images: torch.Tensor, labels: torch.Tensor) -> nn.Module:
    """Eight epochs of Adam."""

    def block(inputs: int, outputs: int, stride: int = 1) -> list[nn.Module]:
        return [nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]

    torch.manual_seed(0)
    layers = [*block(1, 32), *block(32, 64), *block(64, 64, 2), *block(64, 128)]
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 10))
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(8):
        for batch in torch.randperm(len(images)).split(64):
            optimizer.zero_grad()
            cross_entropy(model(images[batch]), labels[batch]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return model.eval()


def advised_model(case: Case) -> AdvisedModel:
    model = study(from_module(case.model, (case.inputs[:1],), {})).model
    assert model is not None
    return model


def bare(item: Advised) -> Advised:
    """As it is told where there are no weights."""
    others = tuple(map(bare, item.others))
    return replace(item, others=others, advice=replace(item.advice, kept=None, harm=None, beaten_by=""))


def harmed(case: Case, model: AdvisedModel) -> tuple[Advised, ...]:
    asked = to_measure(model.advised)
    assert model.facts is not None
    calibration = calibration_of(case.model, case.inputs[:SAMPLES])
    proposals = [item.proposal for item in asked if item.proposal]
    found = proposal_harms(case.model, calibration, proposals, model.facts)
    return told(model.advised, {id(item): harm for item, harm in zip(asked, found.harms, strict=True)})


def carried(case: Case, model: AdvisedModel, chosen: Sequence[Advised], calibrated: bool = False) -> nn.Module:
    proposals = [item.proposal for item in chosen if item.proposal]
    found = calibration_of(case.model, case.inputs[:SAMPLES]) if calibrated else None
    inputs = CalibrationInputs(found.batches, found.held_out, found.source) if found else None
    return carry_out(case.model, proposals, model.facts, model.count.trace.inputs, inputs).module.eval()


def measure(name: str, case: Case) -> None:
    model = advised_model(case)
    assert model.facts is not None
    facts, before = model.facts, case.score(case.model)
    lists: Mapping[str, tuple[Advised, ...]] = {
        "saving alone (no weights)": tuple(map(bare, model.advised)),
        "evidence of the weights": model.advised,
        f"harm measured on {SAMPLES} inputs": harmed(case, model),
    }
    lost = [before - case.score(carried(case, model, [item])) for item in to_measure(model.advised)]
    print(
        f"\n{name}: {case.says}, {before:.1%}; {len(lost)} single changes lose {sum(lost) / len(lost):.1%} on average"
    )
    print("\n| ranked by | with the harm | with the accuracy lost | with saving for loss | plan: MACs |", end="")
    print(" carried | re-estimated |")
    print("|:--|--:|--:|--:|--:|--:|--:|")
    harms = [item.advice.harm for item in to_measure(tuple(lists.values())[-1])]
    for label, advised in lists.items():
        asked = to_measure(advised)
        known = any(item.advice.kept is not None or item.advice.harm is not None for item in asked)
        with_harm, with_loss = (correlation(asked, truth, expected if known else saved_macs) for truth in (harms, lost))
        with_worth = correlation(asked, gains(asked, lost, facts), lambda item: worth(item.advice, facts))
        chosen = best_per_layer(ordered(advised, facts), facts)
        macs = 1 - sum(item.advice.saved.macs for item in chosen if item.advice.saved) / facts.macs
        ranks = " | ".join(f"{found:.2f}" for found in (with_harm, with_loss, with_worth))
        scores = [f"{case.score(carried(case, model, chosen, again)):.1%}" for again in (False, True)]
        print(f"| {label} | {ranks} | {macs:.0%} | {' | '.join(scores)} |", flush=True)


def expected(item: Advised) -> float:
    """The harm that the order assumes: measured, else the weight energy that is lost; all of it where none is known."""
    advice = item.advice
    if advice.harm is not None:
        return advice.harm
    return 1.0 - (advice.kept or 0.0)


def saved_macs(item: Advised) -> float:
    """What the harm is taken to grow with where nothing else is known."""
    return float(item.advice.saved.macs) if item.advice.saved else 0.0


def gains(asked: Sequence[Advised], lost: Sequence[float], facts: Any) -> list[float]:
    """Share of the model that is saved over the accuracy that is really lost."""
    shares = [worth(replace(item.advice, harm=0.0), facts) * REPAIRED for item in asked]
    return [share / (max(loss, 0.0) + REPAIRED) for share, loss in zip(shares, lost, strict=True)]


def correlation(asked: Sequence[Advised], truth: Sequence[float], value: Callable[[Advised], float]) -> float:
    return float(spearmanr([value(item) for item in asked], truth).statistic)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cases = {"digits": digits, **CASES}
    parser.add_argument("cases", nargs="*", choices=[*cases, []], default=[])
    torch.set_num_threads(1)
    for name in parser.parse_args().cases or ("digits",):
        measure(name, cases[name]())


if __name__ == "__main__":
    main()
