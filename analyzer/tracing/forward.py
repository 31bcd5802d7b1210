"""One recorded call of a model, with all that a call can ask for beside its operators' results."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import torch
from torch import nn

from analyzer.tracing import modes, threads
from analyzer.tracing.containers import drained, leaves
from analyzer.tracing.device_redirect import Elsewhere, is_for_lack_of_a_device
from analyzer.tracing.questions import RECORDING, AsksForGradients, Questions, is_noted
from analyzer.tracing.recorder import Recorder
from analyzer.tracing.seeding import draws, seeded

UNFINISHED = "it still ran on another thread when the forward returned"
STRAY = "it ran on a thread that the analysis cannot follow"
DRAWN = "random numbers that the forward draws in Python are those of seed 0"
Contexts = Callable[[], list[AbstractContextManager[Any]]]


@dataclass
class Forward:
    """A module with its arguments, to be called once under a recorder.

    `device` is where the model is meant to run, for tensors that lie elsewhere; None for those that are there.
    """

    module: nn.Module
    args: Any
    kwargs: Any
    recorder: Recorder
    device: torch.device | None = None
    generators: Sequence[Any] = ()
    """What the forward may draw random numbers from, beside what its modules hold themselves."""
    assumptions: list[str] = field(default_factory=list)

    def call(self) -> Any:
        """What the module returns; with gradients where it asks for them, elsewhere where it names a missing device."""
        try:
            return self._below_autograd()
        except AsksForGradients:
            return self._above_autograd()
        except Exception as error:
            if "does not require grad" in str(error):
                return self._above_autograd()
            if is_for_lack_of_a_device(error):
                return self._below_autograd(Elsewhere("cpu" if self.device is None else "meta"))
            raise

    def _below_autograd(self, *more: AbstractContextManager[Any]) -> Any:
        enabled = torch.is_grad_enabled()
        questions = Questions(
            self.recorder, self.device, enabled and self._has_gradients(), recording=False if enabled else None
        )
        output = self._recorded(lambda: [torch.no_grad(), torch._C._AutoDispatchBelowAutograd()], questions, *more)
        if self.recorder.asks_for_gradients:  # and a bare `except` of the user's kept it
            raise AsksForGradients
        return output

    def step(self, backward: Callable[[Any], None]) -> Any:
        """What the module returns, with gradients; `backward` differentiates it under the same recorder."""
        return self._above_autograd(backward)

    def _above_autograd(self, backward: Callable[[Any], None] = lambda _: None) -> Any:
        questions = Questions(self.recorder, self.device, False, True)
        return self._recorded(lambda: [torch.enable_grad()], questions, then=backward)

    def _has_gradients(self) -> bool:
        given = (leaf for _, leaf in leaves((self.args, self.kwargs)) if isinstance(leaf, torch.Tensor))
        return any(tensor.requires_grad for tensor in chain(self.module.parameters(), given))

    def _recorded(
        self,
        contexts: Contexts,
        questions: Questions,
        *more: AbstractContextManager[Any],
        then: Callable[[Any], None] = lambda _: None,
    ) -> Any:
        self.recorder.restart()
        self.recorder.stack.restart()
        seeding = seeded([*self.generators, *self._held_generators()])
        with ExitStack() as entered, seeding as is_drawn_from, self.recorder.stack.following(), RECORDING.held():
            for context in (modes.only(modes.entered()), *contexts(), *more, questions, self.recorder):
                entered.enter_context(context)
            follower = threads.Follower(self._carrier(contexts), lambda: len(self.recorder.graph), is_noted)
            with threads.followed(follower), self.recorder.repeating_layers():
                output = drained(self.module(*self.args, **self.kwargs), self.recorder.leave_out)
                then(output)
            self._note_threads(follower)
            self.assumptions += [*questions.assumptions, *([DRAWN] if is_drawn_from() else [])]
            return output

    def _held_generators(self) -> Iterator[Any]:
        for module in self.recorder.stack.modules.values():
            yield from (value for value in vars(module).values() if draws(type(value)))  # type: ignore[arg-type]

    def _carrier(self, contexts: Contexts) -> Callable[[], threads.Carry]:
        """Makes another thread's calls record as this one's."""
        own, stack = modes.entered(), self.recorder.stack

        def here() -> threads.Carry:
            path = stack.path

            @contextmanager
            def carry() -> Iterator[None]:
                with ExitStack() as entered, stack.on_this_thread(path):
                    for context in (*contexts(), modes.only(own)):
                        entered.enter_context(context)
                    yield

            return carry

        return here

    def _note_threads(self, follower: threads.Follower) -> None:
        if follower.unfinished:
            self.recorder.leave_out("thread", UNFINISHED)
        for path in self.recorder.stack.strays:
            self.recorder.leave_out("thread", STRAY, path)
