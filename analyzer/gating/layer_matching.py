"""Which layer of a model was which in its base: by path, then by moved or renamed subtrees."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping
from itertools import islice

from analyzer.values.counts import Layer
from analyzer.values.layer_patterns import lineage

Signature = Callable[[str], Hashable]


def matched(old: Mapping[str, Layer], new: Mapping[str, Layer]) -> dict[str, str]:
    """The path in the base for each layer's path that has one.

    First what is the same subtree at the same path; then the same subtree at another path, and the same structure with
    other settings, when the place it had or the place it has is otherwise empty; then what is left at the same path.
    Subtrees of several layers go first, so that none loses a part to a layer that looks alike.
    """
    match = _Match(_Tree(old), _Tree(new))
    for alone in (False, True):
        match.keep_places(alone=alone)
        match.follow(exact=True, alone=alone)
    match.follow(exact=False)
    match.keep_paths()
    match.follow(exact=False)
    return {path: was for path, was in match.pairs.items() if path in new and was in old}


class _Tree:
    """Layers with those above them, also where these have no row of their own."""

    def __init__(self, layers: Mapping[str, Layer]) -> None:
        self.layers = layers
        self.children: dict[str, list[str]] = defaultdict(list)
        self.paths: dict[str, None] = {"": None}
        for path in (above for layer in layers for above in lineage(layer)):
            if path not in self.paths:
                self.paths[path] = None
                self.children[path.rpartition(".")[0]].append(path)
        self.exact: dict[str, Hashable] = {}
        self.loose: dict[str, Hashable] = {}
        for path in reversed(list(self.below(""))):
            self._sign(path)

    def _sign(self, path: str) -> None:
        """Equal for equal subtrees; hashes stand for what is below so that depth costs nothing."""
        layer = self.layers.get(path)
        kind = layer.kind if layer else ""
        own = (kind, layer.settings, layer.params) if layer else ("", "", 0)
        below = sorted(self.children[path])
        names = [child.rpartition(".")[2] for child in below]
        self.exact[path] = hash((own, *zip(names, (self.exact[child] for child in below), strict=True)))
        self.loose[path] = hash((kind, *zip(names, (self.loose[child] for child in below), strict=True)))

    def below(self, path: str) -> Iterator[str]:
        """The path and all below it, parents first."""
        yield path
        for child in self.children[path]:
            yield from self.below(child)


class _Match:
    """Pairs found so far, new path to old."""

    def __init__(self, old: _Tree, new: _Tree) -> None:
        self.old, self.new = old, new
        self.pairs: dict[str, str] = {}
        self.taken: set[str] = set()

    def _pair(self, path: str, was: str) -> None:
        """The two subtrees, path by path, where both have a layer."""
        for below in list(self.new.below(path)):
            place = was + below.removeprefix(path)
            if place in self.old.paths and below not in self.pairs and place not in self.taken:
                self.pairs[below] = place
                self.taken.add(place)

    def keep_places(self, *, alone: bool) -> None:
        """Equal subtrees at the same path; of single layers only when `alone`."""
        for path in self.new.paths:
            if not alone and not self.new.children[path]:
                continue
            if path not in self.pairs and self.old.exact.get(path) == self.new.exact[path]:
                self._pair(path, path)

    def keep_paths(self) -> None:
        """What is left at the same path."""
        for path in self.new.paths:
            if path not in self.pairs and path in self.old.paths and path not in self.taken:
                self.pairs[path] = path
                self.taken.add(path)

    def follow(self, *, exact: bool, alone: bool = True) -> None:
        """Equal subtrees at another path, until no more are found: each frees a place for the next."""
        while self._follow_once(exact, alone):
            pass

    def _follow_once(self, exact: bool, alone: bool) -> bool:
        old = self._free(self.old, self.taken, exact)
        new = self._free(self.new, self.pairs, exact)
        if not alone:
            new = {signature: paths for signature, paths in new.items() if self.new.children[paths[0]]}
        found = False
        for signature, paths in new.items():
            for path, was in self._partners(paths, old.get(signature, []), exact):
                if path not in self.pairs and was not in self.taken:
                    self._pair(path, was)
                    found = True
        return found

    def _free(self, tree: _Tree, used: Mapping[str, str] | set[str], exact: bool) -> dict[Hashable, list[str]]:
        """Unmatched subtrees by signature, outer ones first; the model itself never moves."""
        signatures = tree.exact if exact else tree.loose
        found: dict[Hashable, list[str]] = defaultdict(list)
        for path in tree.paths:
            if path and path not in used:
                found[signatures[path]].append(path)
        return found

    def _partners(self, paths: list[str], old: list[str], exact: bool) -> Iterator[tuple[str, str]]:
        """Pairs that may be one subtree: in order when all is equal, else only where there is no doubt."""
        if not exact and (len(paths) > 1 or len(old) > 1):
            return
        for path in paths:
            free = (was for was in old if path != was and was not in self.taken and self._may_move(path, was, exact))
            yield from ((path, was) for was in islice(free, 1))

    def _may_move(self, path: str, was: str, exact: bool) -> bool:
        """A move leaves its old place empty or takes an empty one; a renamed layer stays under its parent."""
        place_left = was not in self.new.paths or was in self.pairs
        place_taken = path not in self.old.paths or path in self.taken
        if exact:
            return place_left or place_taken
        siblings = path.rpartition(".")[0] == was.rpartition(".")[0]
        return place_left and place_taken and (siblings or bool(self.new.children[path]))
