"""Which model of the base's configuration a model was: by name, by target, or through a renamed file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from analyzer.config.tables import ModelConfig
from analyzer.gating.plan import PlannedModel, place_of
from analyzer.values.requests import ModelRequest


@dataclass(frozen=True)
class Counterparts:
    """The base's models, and what files were called there."""

    models: tuple[ModelConfig, ...]
    home: Path
    """The directory of the configuration, to which their targets are relative."""
    renamed: Mapping[Path, Path]
    """Files by their place now: their place at the base, both as in the head's checkout."""

    def of(self, model: PlannedModel, directory: Path) -> ModelConfig | None:
        """The model of the base that this one, whose target is relative to a directory, was."""
        name, wanted = model.request.name, place_of(model.request.target, directory)
        by_place = {place_of(other.target, self.home): other for other in self.models}
        by_target = {other.target: other for other in self.models}
        by_name = {other.name: other for other in self.models if other.name}
        said = by_name.get(model.formerly) or by_target.get(model.formerly)
        before = str(self.renamed.get(Path(wanted[0]), "")), wanted[1]
        return said or by_name.get(name) or by_place.get(wanted) or by_place.get(before)

    def renamed_request(self, request: ModelRequest, directory: Path) -> ModelRequest | None:
        """The same request of the file as the base called it; None when that was not renamed."""
        place, name = place_of(request.target, directory)
        before = self.renamed.get(Path(place))
        if before is None:
            return None
        file = os.path.relpath(before, directory)
        return replace(request, target=f"{file}:{name}" if name else file)
