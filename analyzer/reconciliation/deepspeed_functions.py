"""DeepSpeed's profiler: products by every name, and SDPA, each module once.

Its conventions, read in DeepSpeed 0.19: a product with a vector or of broadcast operands is taken as (…, M, K) @ (…, K,
N). What it counts is what it does in a process of its own: functions that it replaced may stay so.
"""

from __future__ import annotations

from collections.abc import Mapping

from analyzer.reconciliation.contributions import Contribution
from analyzer.reconciliation.replaced_functions import AXES, PLACES, RULES, Rule, added, attention, matmul, transposed
from analyzer.tracing.calls import ForwardCalls

FUNCTIONS: Mapping[str, Rule | None] = {
    **RULES,
    **{f"F.conv_transpose{n}d": transposed(is_divided_twice=False) for n in AXES},
    **{f"{place}.{name}": matmul for place in PLACES for name in ("mm", "bmm")},
    "Tensor.__matmul__": matmul,
    "F.scaled_dot_product_attention": attention,
}


def printed_by_deepspeed(calls: ForwardCalls) -> tuple[int, list[Contribution]]:
    """The MACs that it prints, and what it adds up."""
    parts = added(calls, FUNCTIONS, None)
    return sum(int(part.macs) for part in parts), parts
