"""What a causal model keeps between steps, and what a prefill and one more token cost."""

from __future__ import annotations

from dataclasses import dataclass

from analyzer.values.estimates import Span


@dataclass(frozen=True, slots=True)
class StateTensor:
    """One tensor that is kept between steps, as the prefill left it."""

    path: str
    """Where it lies in what the forward returned, "cache.layers.0.keys", or in the module that keeps it."""
    layer: str
    """The layer that made it."""
    shape: tuple[int, ...]
    dtype: str
    nbytes: int
    token_bytes: int | None = None
    """By which one more token makes it grow; None where no further token could be followed."""
    full_at: int | None = None
    """Tokens from which on it no longer grows, as a sliding window; None where it was not seen to fill."""
    full_bytes: int | None = None
    """Its bytes then."""


@dataclass(frozen=True, slots=True)
class LayerState:
    """What one layer keeps."""

    layer: str
    nbytes: int
    token_bytes: int | None


@dataclass(frozen=True, slots=True)
class StateSize:
    """Bytes of all state after so many tokens, as traced at that length."""

    tokens: int
    nbytes: int


@dataclass(frozen=True, slots=True)
class State:
    """What is kept between steps, of all sequences, as the prefill left it."""

    nbytes: int
    """Of the kept tensors."""
    memory_bytes: int
    """Of the memory behind them, each piece once: more where a kept tensor is a part of a longer one."""
    token_bytes: int | None
    """By which one more token of every sequence makes it grow; None where that could not be followed."""
    layers: tuple[LayerState, ...]
    tensors: tuple[StateTensor, ...]
    sizes: tuple[StateSize, ...]
    """At every length that was traced, the shortest first."""


@dataclass(frozen=True, slots=True)
class StepCost:
    """What one call of the model costs, and what bounds it on a device."""

    macs: int
    flops: int
    other_flops: int
    complete: bool
    """False when a contraction or an opaque operator has no count."""
    param_bytes: int
    """Parameters that are read, each once; of a table and of stacked experts only rows that can be reached."""
    state_bytes_before: int
    """The state that the call is given."""
    state_bytes_after: int
    """All state that is kept after it."""
    nbytes: int
    """All that operators read and write, as the device's time is estimated."""
    intensity: float
    """FLOPs by byte."""
    ridge: float
    """FLOPs by byte from which on the device's arithmetic is the bound."""
    bound: str
    """"compute", "memory" or "overhead": what takes most of the time."""
    seconds: Span


@dataclass(frozen=True, slots=True)
class ExpertGroup:
    """Weights of which a token reaches some experts only."""

    weight: str
    """A stacked weight, or the names of one weight in all experts, with * for the expert."""
    experts: int
    reached: int
    """By one token."""
    least: int
    """Parameters of the smallest expert."""
    most: int
    """Of the largest."""


@dataclass(frozen=True, slots=True)
class TokenParameters:
    """Parameters that one token uses, beside all; lookup tables and shared experts count in full."""

    total: int
    least: int
    most: int
    """Equal to `least` where experts are of one size."""
    groups: tuple[ExpertGroup, ...] = ()


@dataclass(frozen=True, slots=True)
class Steps:
    """What a model keeps between steps, and what its steps cost on a device."""

    device: str
    dtype: str
    """The data type of most of the arithmetic."""
    tokens: int
    """Of each sequence in the prefill; the decode step has one more."""
    batch: int
    """Sequences."""
    state: State | None
    """None for a model of which no state was found."""
    reason: str = ""
    """Why there is no state, or no decode step."""
    prefill: StepCost | None = None
    decode: StepCost | None = None
    """One more token for each sequence; None where it could not be followed."""
    token: TokenParameters | None = None
    """None where no single token could be followed."""

    def state_bytes(self, tokens: int) -> int | None:
        """Bytes of all state after so many tokens, no fewer than the prefill's, by its growth and its windows.

        None where that is not known: without state or a further token, and where a traced length contradicts it.
        """
        if self.state is None or self.state.token_bytes is None or tokens < self.tokens:
            return None
        longer = (size for size in self.state.sizes if size.tokens >= self.tokens)
        if any(self._grown(self.state, size.tokens) != size.nbytes for size in longer):
            return None
        return self._grown(self.state, tokens)

    def _grown(self, state: State, tokens: int) -> int:
        """Σ bytes + growth · further tokens, of those until a tensor is full."""
        return sum(
            tensor.nbytes
            + (tensor.token_bytes or 0) * (min(tokens, max(tensor.full_at or tokens, self.tokens)) - self.tokens)
            for tensor in state.tensors
        )
