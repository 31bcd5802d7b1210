"""From a subject to the operators of one forward pass: all knowledge of dispatch, fake tensors and hooks."""

from analyzer.tracing.fallbacks import trace
from analyzer.tracing.operator_memo import OperatorMemo
from analyzer.tracing.retracing import Retracer

__all__ = ["OperatorMemo", "Retracer", "trace"]
