"""From a subject to the operators of one forward pass: all knowledge of dispatch, fake tensors and hooks."""

from analyzer.tracing.fallbacks import trace

__all__ = ["trace"]
