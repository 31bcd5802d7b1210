"""What a plan does to each layer, as data: dead channels that went, and the replacement that was chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from analyzer.fitting.fitter import Fitter
from analyzer.fitting.integer_programme import Candidate
from analyzer.fitting.layer_choices import LayerChoice
from analyzer.values.advice import Saving
from analyzer.values.convolution import Proposal, Unit
from analyzer.values.fit_results import FittedLayer
from analyzer.values.layer_calls import code

DEAD = "dead channels removed"


def changed_layers(fitter: Fitter, chosen: Sequence[Candidate], errors: Mapping[str, float]) -> tuple[FittedLayer, ...]:
    """First the layers that lost dead channels and nothing else, then the replaced ones; `errors` by path."""
    replaced = {item.choice.path for item in chosen}
    stripped = ((path, unit) for path, unit in fitter.removed.items() if path not in replaced)
    lost = (_fitted_layer(fitter, path, (unit,), DEAD, _lost(fitter, path)) for path, unit in stripped)
    return (*lost, *(_layer(item, errors, fitter) for item in chosen))


def proposals_for(layers: Sequence[FittedLayer], chosen: Sequence[LayerChoice], fitter: Fitter) -> tuple[Proposal, ...]:
    """What was put in the place of each, as rewriting takes it."""
    known = {path: Proposal(((path, (unit,)),), is_exact=True) for path, unit in fitter.removed.items()}
    known |= {choice.path: choice.proposal for choice in chosen}
    return tuple(known[layer.path] for layer in layers)


def _lost(fitter: Fitter, path: str) -> Saving:
    """What the removal of dead channels saved in a layer."""
    if fitter.origin is None:
        return Saving(0, 0)
    before, after = (_own(one, path) for one in (fitter.origin, fitter))
    return Saving(before.params - after.params, before.macs - after.macs)


def _own(fitter: Fitter, path: str) -> Saving:
    rows = [layer for layer in fitter.count.layers if layer.path == path]
    return Saving(sum(row.params for row in rows), sum(row.macs or 0 for row in rows))


def _layer(item: Candidate, errors: Mapping[str, float], fitter: Fitter) -> FittedLayer:
    choice, lost = item.choice, _lost(fitter, item.choice.path)
    label = f"{DEAD}; {choice.label}" if choice.path in fitter.removed else choice.label
    saved = Saving(choice.saved.params + lost.params, choice.saved.macs + lost.macs)
    layer = _fitted_layer(fitter, choice.path, choice.units, label, saved)
    return replace(layer, error=errors[choice.path], harm=item.harm)


def _fitted_layer(fitter: Fitter, path: str, units: tuple[Unit, ...], label: str, saved: Saving) -> FittedLayer:
    source = fitter.loaded.sources.get(path)
    return FittedLayer(
        path=path,
        label=label,
        proposed=code(units),
        saved_params=saved.params,
        saved_macs=saved.macs,
        error=0.0,
        harm=0.0,
        file=source.file if source else None,
        line=source.line if source else None,
    )
