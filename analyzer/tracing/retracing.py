"""Traces one copy of a model again and again with other layers in it; in between it is as it was."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cached_property

from torch import nn

from analyzer.loading.loaded_model import LoadedModel
from analyzer.loading.meta_copy import MetaTensors, copy_with
from analyzer.tracing.fallbacks import Prepared, trace
from analyzer.tracing.kept_module import KeptModule
from analyzer.tracing.operator_memo import OperatorMemo
from analyzer.values.errors import Problem
from analyzer.values.graph import Trace

Change = Callable[[nn.Module], AbstractContextManager[nn.Module]]
"""Puts other layers into a module, which stay while the block runs."""


class Retracer:
    """Traces a model that was traced before, and remembers what operators without values do.

    A model of the user's is copied once; one of the analysis's own is used itself.
    """

    def __init__(self, loaded: LoadedModel, memo: OperatorMemo | None = None) -> None:
        self._loaded = loaded
        self._memo = memo or OperatorMemo()

    def trace(self, change: Change, materialize: Callable[[], nn.Module]) -> Trace:
        """The trace with the change made; `materialize` makes the changed module with values, where one is needed.

        Problem when the model cannot be copied, or no backend carries the changed one.
        """
        kept = self._kept if self._kept.python.is_whole else self._copied()
        try:
            with change(kept.module) as module:
                changed = replace(self._loaded, module=module, materialize=materialize, owned=True)
                return trace(changed, known=Prepared(self._memo, kept.python.generators))
        finally:
            kept.give_back()

    @cached_property
    def _kept(self) -> KeptModule:
        """The analysis's own module as the first trace found it, of the user's a copy."""
        if not self._loaded.owned:
            return self._copied()
        kept = self._memo.kept
        if kept is None or kept.module is not self._loaded.module:
            return KeptModule.of(self._loaded.module)
        kept.give_back()
        return kept

    def _copied(self) -> KeptModule:
        try:
            return KeptModule.of(copy_with(self._loaded.module, MetaTensors()))
        except Exception as error:  # whatever a user's class raises when it is copied
            raise Problem(f"{self._loaded.name} cannot be copied ({error}), so no advice can be put into it") from error
