"""calflops: products by name, with no `@`, `mm`, `bmm` and no SDPA; a module with two parents is added twice.

Its conventions, read in calflops 0.3.2: a transposed convolution's products are divided by its groups twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from analyzer.reconciliation.contributions import Contribution, Unpredictable
from analyzer.reconciliation.module_trees import visits
from analyzer.reconciliation.replaced_functions import AXES, RULES, Given, Rule, added, transposed
from analyzer.tracing.calls import ForwardCalls


def _resized(given: Given) -> tuple[str, int]:
    """No MACs; several scale factors are raised to a power, which fails."""
    factor = given.get("scale_factor")
    if given.get("size") is None and not isinstance(factor, int | float):
        raise Unpredictable("it fails on an interpolation by several scale factors")
    return "", 0


FUNCTIONS: Mapping[str, Rule | None] = {
    **RULES,
    **dict.fromkeys(("F.upsample", "F.interpolate"), _resized),
    **{f"F.conv_transpose{n}d": transposed(is_divided_twice=True) for n in AXES},
}


def printed_by_calflops(calls: ForwardCalls) -> tuple[int, list[Contribution]]:
    """The MACs that it prints, and what it adds up."""
    parts = added(calls, FUNCTIONS, Counter(id(module) for module in visits(calls.root)))
    return sum(int(part.macs) for part in parts), parts
