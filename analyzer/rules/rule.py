"""What a rule is: a module with a code and one function, which either proposes for one layer or observes facts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from analyzer.rules.padding_only_taps import cut_off
from analyzer.rules.parallel_branches import merged
from analyzer.values.convolution import IMAGE_CHANNELS, Proposal
from analyzer.values.facts import ConvolutionFacts, ModelFacts
from analyzer.values.notes import Note

MIN_SHARE = 0.01
"""A layer below 1 % of the model's parameters and below 1 % of its MACs is not worth a change."""
ALIGNMENTS = (16, 8)
"""Channels that a vector unit takes at once: 16 (int8, CPU blocks), 8 (fp16)."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A fact about one layer, and what belongs to it."""

    path: str
    current: Note
    notes: tuple[Note, ...] = ()


class Rule(Protocol):
    """What every rule has; its docstring is what users read."""

    __name__: str
    __doc__: str | None
    CODE: str
    LEVEL: str
    """"note" or "warning"."""
    EFFORT: str
    """"none", "finetune" or "retrain"."""


@runtime_checkable
class Proposer(Rule, Protocol):
    """A rule that proposes a replacement for one layer."""

    def propose(self, layer: ConvolutionFacts, model: ModelFacts) -> Proposal | None: ...


@runtime_checkable
class ModelProposer(Rule, Protocol):
    """A rule that looks at the whole model: each proposal with the path of the layer that it is about."""

    def propose_all(self, model: ModelFacts) -> Iterator[tuple[str, Proposal]]: ...


@runtime_checkable
class Observer(Rule, Protocol):
    """A rule that states facts."""

    def observe(self, model: ModelFacts) -> Iterator[Finding]: ...


@runtime_checkable
class Choosable(Proposer, Protocol):
    """A rule that names more than it proposes: every choice, by the word that --apply takes."""

    def choices(self, layer: ConvolutionFacts, model: ModelFacts) -> Mapping[str, Proposal]: ...


def is_inference_only(rule: Rule) -> bool:
    """Whether what it proposes is for a network that is trained already."""
    return bool(getattr(rule, "INFERENCE_ONLY", False))


def is_for_time(rule: Rule) -> bool:
    """Whether what it proposes saves time alone, so that it is worth saying where the estimate says so."""
    return bool(getattr(rule, "FOR_TIME", False))


def is_on_request(rule: Rule) -> bool:
    """Whether it is asked only when it is selected by its own name."""
    return bool(getattr(rule, "ON_REQUEST", False))


def is_tiny(layer: ConvolutionFacts) -> bool:
    return max(layer.share_of_params, layer.share_of_macs) < MIN_SHARE


def is_worth_restructuring(layer: ConvolutionFacts, model: ModelFacts) -> bool:
    """A plain dense convolution that is neither a stem nor tiny, nor to be changed exactly before.

    That is one of which taps can be cut off, that can be merged with the branches beside it, or that nothing needs.
    """
    conv = layer.convolution
    is_open = layer.is_plain and conv.is_dense and conv.in_channels > IMAGE_CHANNELS and not is_tiny(layer)
    return is_open and not (is_merged(layer, model) or is_unneeded(layer.path, model)) and cut_off(layer) is None


def is_unneeded(path: str, model: ModelFacts) -> bool:
    """Whether the layer is in a module that no output depends on."""
    return any(f"{path}.".startswith(f"{module.path}.") for module in model.removable)


def is_merged(layer: ConvolutionFacts, model: ModelFacts) -> bool:
    """Whether it is one of parallel branches that can be merged: what changes it alone is lost in their sum."""
    around = (found for found in model.branch_sums if any(layer.path in branch for branch in found.branches))
    return any(merged(found, model) for found in around)


def alignment(channels: int) -> int:
    """The widest vector that so many channels fill."""
    return next((block for block in ALIGNMENTS if channels % block == 0), 1)
