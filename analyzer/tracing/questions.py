"""What a forward asks of a tensor besides its values: answered as for real tensors, or noted as unanswerable."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from analyzer.tracing import modes
from analyzer.tracing.containers import has_no_values
from analyzer.tracing.failure import lacks_values
from analyzer.tracing.recorder import Recorder
from analyzer.tracing.replacements import Replacement, Replacements

OUTSIDE = "what the forward computes with numpy is not seen"
WITHOUT = "the forward asks whether gradients are recorded: counted as under torch.no_grad(), as in inference"
WITH = (
    "the forward asks whether gradients are recorded: counted with them, for it differentiates or asks results for them"
)
DETACHED = "the forward takes results to numpy without detaching them, as torch allows under torch.no_grad() alone"
OWN_PACKAGES = ("torch.", "analyzer.")
NEVER_ASKING = frozenset({*sys.stdlib_module_names, "torch", "analyzer"}) - {"__main__"}
"""Packages in which nothing of a user's asks torch whether gradients are recorded."""
PASSED_THROUGH = {"torch.overrides", "torch._tensor", "torch.autograd"}
"""Modules that hand a call of the user's on to the mode."""


class AsksForGradients(BaseException):
    """The forward asks what autograd alone knows; no `except Exception` of the user's stops it."""


def is_noted(error: BaseException) -> bool:
    """Whether the recorder knows already of what was raised."""
    return isinstance(error, AsksForGradients) or lacks_values(error)


class Questions(TorchFunctionMode):
    """Sees what a forward asks of its tensors, with `device` as the device that the model is meant for.

    Without values, tensors say that they lie on that device, while what the forward then makes there stays without
    memory. What no such tensor can answer is noted with the recorder, even where the user's code catches the error.
    `differentiable` says that the forward runs below autograd although a real one would record gradients; `recording`
    says whether gradients are recorded where the caller has not decided that, None where he has.
    """

    def __init__(
        self, recorder: Recorder, device: torch.device | None, differentiable: bool, recording: bool | None = None
    ) -> None:
        super().__init__()
        self.recorder = recorder
        self.device = device
        """None where tensors say themselves where they are."""
        self.differentiable = differentiable
        self.recording = recording
        self.assumptions: dict[str, None] = {}
        """Sentences on what the answers hold for."""
        self._was_asked_where = False

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        answer = ANSWERS.get(func)
        if self._was_asked_where:
            args = tuple(map(self._where_it_is, args))
            kwargs = {name: self._where_it_is(value) for name, value in kwargs.items()}
        try:
            if answer is not None and _is_the_users(answer):
                return answer(self, func, args, kwargs)
            return func(*args, **kwargs)
        except Exception as error:
            if lacks_values(error):
                self.recorder.doubt(f"{_name(func)}: {_first_line(error)}")
            raise

    def named_device(self) -> torch.device | None:
        """The device to name, always this very object, so that it is known again."""
        self._was_asked_where = True
        return self.device

    def is_asked_for_recording(self, answer: bool) -> None:
        """Note that the forward depends on how it is run; where it has switched that itself, it does not."""
        if answer is self.recording:
            self.assumptions[WITH if answer else WITHOUT] = None

    def _where_it_is(self, value: Any) -> Any:
        return torch.device("meta") if value is self.device and value is not None else value


def _is_the_users(answer: Callable[..., Any]) -> bool:
    """Whether the user's code asks, rather than torch's own, which the tensors of a backend are made for."""
    asker = _asker()
    return not asker.startswith(OWN_PACKAGES) or (answer is _gradient and asker == "torch.autograd.functional")


def _asker() -> str:
    """The module whose code asked."""
    frame = sys._getframe(3)
    while frame.f_back is not None and frame.f_globals.get("__name__") in PASSED_THROUGH:
        frame = frame.f_back
    return str(frame.f_globals.get("__name__"))


def _watched(original: Callable[[], bool]) -> Callable[[], bool]:
    """The same question after gradients, which no mode of torch's sees."""

    @wraps(original)
    def ask() -> bool:
        answer = original()
        if not str(sys._getframe(1).f_globals.get("__name__")).startswith(OWN_PACKAGES):
            for mode in modes.entered().function:
                if isinstance(mode, Questions):
                    mode.is_asked_for_recording(answer)
        return answer

    return ask


def _where_recording_is_asked() -> Iterator[Replacement]:
    """The question in torch, and in the modules that took it from there by import: under another name only in files of
    the user's own.
    """
    original = torch.is_grad_enabled
    yield torch, original.__name__, _watched
    for module_name in sys.modules.keys() - _not_asking:
        module = sys.modules[module_name]
        held = getattr(module, "__dict__", {})
        is_installed = "site-packages" in str(held.get("__file__"))
        found = [name for name in ([original.__name__] if is_installed else list(held)) if held.get(name) is original]
        if not found and (is_installed or module_name.partition(".")[0] in NEVER_ASKING):
            _not_asking.add(module_name)
        elif module_name.partition(".")[0] not in NEVER_ASKING:
            yield from ((module, name, _watched) for name in found)


_not_asking: set[str] = set()
"""Installed modules that did not take the question from torch: they are looked at once."""
RECORDING = Replacements(_where_recording_is_asked)


def _device(asked: Questions, func: Any, args: Any, kwargs: Any) -> Any:
    place = func(*args, **kwargs)
    return asked.named_device() if asked.device is not None and place.type == "meta" else place


def _is_meta(asked: Questions, func: Any, args: Any, kwargs: Any) -> Any:
    return False if asked.device is not None else func(*args, **kwargs)


def _is_on(kind: str) -> Callable[..., Any]:
    def answer(asked: Questions, func: Any, args: Any, kwargs: Any) -> Any:
        return func(*args, **kwargs) if asked.device is None else asked.device.type == kind

    return answer


def _device_number(asked: Questions, func: Any, args: Any, kwargs: Any) -> Any:
    if asked.device is None:
        return func(*args, **kwargs)
    return -1 if asked.device.type == "cpu" else asked.device.index or 0


def _address(asked: Questions, func: Any, args: Any, kwargs: Any) -> Any:
    if not asked.recorder.has_values:
        asked.recorder.doubt(f"{_name(func)}: a tensor without values has no address")
    return func(*args, **kwargs)


def _gradient(asked: Questions, func: Any, args: Any, kwargs: Any) -> Any:
    """What an operator computed says nothing of gradients below autograd; weights and inputs say the truth."""
    if asked.differentiable and (func in DIFFERENTIATES or asked.recorder.has_made(args[0])):
        asked.recorder.asks_for_gradients = True
        raise AsksForGradients
    return func(*args, **kwargs)


def _to_numpy(asked: Questions, func: Any, args: Any, kwargs: Any) -> Any:
    if asked.differentiable and args[0].is_floating_point() and asked.recorder.has_made(args[0]):
        asked.assumptions[DETACHED] = None
    if asked.recorder.has_values and args[0].is_floating_point():
        asked.recorder.leave_out("numpy", OUTSIDE, asked.recorder.stack.path)
    elif has_no_values(args[0]):
        asked.recorder.doubt(f"{_name(func)}: a tensor without values has none for numpy")
    return func(*args, **kwargs)


def _name(func: Any) -> str:
    name = str(getattr(func, "__name__", func))
    return str(func.__self__.__name__) if name == "__get__" else name


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def _getter(name: str) -> Any:
    return getattr(torch.Tensor, name).__get__


DIFFERENTIATES = frozenset({torch.autograd.grad, torch.autograd.backward, torch.Tensor.backward})
ANSWERS: Mapping[Any, Callable[..., Any]] = {
    _getter("device"): _device,
    _getter("is_meta"): _is_meta,
    **{_getter(f"is_{kind}"): _is_on(kind) for kind in ("cpu", "cuda", "mps", "xpu")},
    torch.Tensor.get_device: _device_number,
    **dict.fromkeys((torch.Tensor.data_ptr, torch.Tensor.untyped_storage, torch.Tensor.storage), _address),
    **dict.fromkeys((_getter("requires_grad"), _getter("grad_fn"), _getter("is_leaf"), *DIFFERENTIATES), _gradient),
    **dict.fromkeys((torch.Tensor.numpy, torch.Tensor.__array__), _to_numpy),
}
