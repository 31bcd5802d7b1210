"""Acts on advice: hands back the rewritten module, its weights, or a Python file that builds it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analyzer.values.convolution import Convolution, Proposal, Unit
from analyzer.values.errors import Problem
from analyzer.values.layer_calls import unit_of

if TYPE_CHECKING:
    from torch import nn

    from analyzer.loading.loaded_model import LoadedModel
    from analyzer.rewriting.carry_out import CarriedOut
    from analyzer.rewriting.emitting import EmittedSwap
    from analyzer.rewriting.recalibrating import CalibrationInputs
    from analyzer.values.advice import Replacement
    from analyzer.values.counts import Input
    from analyzer.values.facts import ModelFacts

LARGEST_ERROR = 1e-4
"""Relative; the same operators on the same weights differ by rounding at most."""


def with_proposals(loaded: LoadedModel, proposals: Sequence[Proposal]) -> LoadedModel:
    """A copy of the loaded model with the proposals in its module.

    Weights are carried over only where a trace has to run for real. Problem where a layer cannot be replaced.
    """
    from analyzer.loading.meta_copy import MetaTensors, copy_with
    from analyzer.rewriting import restructure, rewritten

    original = loaded.materialize or (lambda: loaded.module)
    try:
        copied = copy_with(loaded.module, MetaTensors())
    except Exception as error:  # whatever a user's class raises when it is copied
        raise Problem(f"{loaded.name} cannot be copied ({error}), so no advice can be put into it") from error
    return replace(
        loaded,
        module=restructure(copied, proposals),
        materialize=lambda: rewritten(original(), proposals).module,
        owned=True,
    )


def carried_out(
    loaded: LoadedModel,
    proposals: Sequence[Proposal],
    facts: ModelFacts | None = None,
    inputs: Sequence[Input] = (),
    calibration: CalibrationInputs | None = None,
) -> CarriedOut:
    """The rewritten module of a loaded model, its weights carried over as `carry_out` does."""
    from analyzer.rewriting.carry_out import carry_out

    with loaded.surroundings():
        module = loaded.materialize() if loaded.materialize else loaded.module
        return carry_out(module, proposals, facts, inputs, calibration)


def refuse_random(loaded: LoadedModel, proposals: Sequence[Proposal]) -> None:
    """Problem when the layers that are replaced get other weights each time that the model is built."""
    from analyzer.loading.building import seeded

    if loaded.checkpoint is not None or loaded.materialize is None:
        return
    built = []
    for seed in (0, 1):
        with loaded.surroundings(), seeded(seed):
            built.append(loaded.materialize())
    paths = {path for proposal in proposals for path, _ in proposal.replacements}
    if any(_differ(*(module.get_submodule(path) for module in built)) for path in sorted(paths)):
        raise Problem(
            f"{loaded.name} was built with random weights, so there is nothing to carry over; give --checkpoint, or "
            "--force to save them all the same"
        )


def _differ(one: nn.Module, other: nn.Module) -> bool:
    pairs = zip(one.parameters(), other.parameters(), strict=True)
    return any(not before.equal(after) for before, after in pairs)


def emit(
    loaded: LoadedModel,
    swaps: Sequence[EmittedSwap],
    path: Path,
    force: bool = False,
    settings: Mapping[str, str] = {},
    inputs: Sequence[Input] = (),
    carried: nn.Module | None = None,
) -> None:
    """Write a Python file whose `build_model()` is the rewritten model; Problem when it would not build that.

    `settings` are those that the model was built with, `inputs` those that it was traced with. The file is loaded
    under another name before it takes its place, so that a file which cannot import the builder is never left behind.
    With the rewritten module whose weights are saved beside it, what it builds is run with these weights as well.
    """
    from analyzer.loading.python.origin import origin_of
    from analyzer.rewriting.emitting import code
    from analyzer.rewriting.saving import refuse_existing

    if path.suffix != ".py":
        raise Problem(f"cannot write {path}: it is to be Python, so give it a name that ends in .py")
    refuse_existing(path, force)
    origin = origin_of(loaded.target, settings)
    _refuse_its_own_name(path, origin.module, origin.file)
    title = f"{loaded.name}, restructured; written by analyze."
    text = code(loaded.module, swaps, origin, path, title, inputs, loaded.wrappers)
    with _proved(path, text) as built:
        _refuse_another_model(path, built, loaded, swaps)
        if carried is not None:
            _refuse_another_result(path, built, carried, inputs)


def _refuse_its_own_name(path: Path, module: str | None, file: Path | None) -> None:
    if file is not None and path.absolute() == file:
        raise Problem(f"{path} is the file that builds the model; give another name")
    if module is not None and path.stem == module.split(".")[0]:
        raise Problem(f"{path} would hide the module {module} that it has to import; give another name")


@contextmanager
def _proved(path: Path, text: str) -> Iterator[LoadedModel]:
    """What a file of this text builds; the file is written unless that is refused."""
    part = path.parent / f".{path.stem}_part.py"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text, encoding="utf-8")
        yield _built(part, path)
        part.replace(path.resolve())
    except OSError as error:
        raise Problem(f"cannot write {path}: {(error.strerror or str(error)).lower()}; choose another place") from error
    finally:
        with suppress(OSError):
            part.unlink()


def _built(part: Path, path: Path) -> LoadedModel:
    from analyzer.loading import load
    from analyzer.values.requests import ModelRequest

    try:
        built: Any = load(ModelRequest(str(part)))
    except Problem as problem:
        reason = str(problem).replace(str(part), path.name)
        raise Problem(f"{path} would not build ({reason}); a builder must be importable from its own file") from problem
    found: LoadedModel = built
    return found


def _refuse_another_model(path: Path, built: LoadedModel, loaded: LoadedModel, swaps: Sequence[EmittedSwap]) -> None:
    """Problem unless the file builds the rewritten model, told by names and shapes of its tensors."""
    wanted = with_proposals(loaded, [swap.proposal for swap in swaps]).module
    if _shapes(built.module) != _shapes(wanted):
        raise Problem(
            f"{path} would build another model than {loaded.target}; its builder does not always give the same"
        )


def _refuse_another_result(path: Path, built: LoadedModel, carried: nn.Module, inputs: Sequence[Input]) -> None:
    """Problem when the built model gives something else with the weights that are saved than the rewritten one."""
    from analyzer.rewriting.carry_out import error_between

    with built.surroundings():
        module = built.materialize() if built.materialize else built.module
        module.load_state_dict(carried.state_dict())
        error = error_between(carried, module, inputs)
    if error is not None and error > LARGEST_ERROR:
        raise Problem(
            f"{path} with the weights that are saved would give outputs that are off by {error:.2%}: the model keeps "
            "something beside its state dict that its builder does not set alike; leave --emit or --save out"
        )


def _shapes(module: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in module.state_dict().items()}


def proposal_of(replacements: Iterable[Replacement]) -> Proposal:
    """The proposal that advice describes, its layers as units; Problem for a layer that no advice names."""
    return Proposal(tuple((item.path, tuple(_placed(item))) for item in replacements))


def _placed(item: Replacement) -> Iterator[Unit]:
    """The units, the first convolution at the input size that the advice is for."""
    size = item.input_size
    for unit in map(unit_of, item.layers):
        if size and isinstance(unit, Convolution):
            unit, size = replace(unit, input_size=size), ()
        yield unit
