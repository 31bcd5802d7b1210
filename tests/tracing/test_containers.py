"""Tensors are found and changed in every container that people pass to a forward."""

from collections import OrderedDict, defaultdict, namedtuple
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch.nn.utils.rnn import pack_sequence

from analyzer.loading.loaded_model import InputSpec
from analyzer.tracing.containers import leaves, map_leaves, shapes

Pair = namedtuple("Pair", "first second")


@dataclass(frozen=True)
class Batch:
    image: torch.Tensor
    label: str = "cat"


A, B = torch.ones(2, 3), torch.ones(4)
TREES: list[tuple[Any, list[str]]] = [
    (A, [""]),
    ([A, B], ["0", "1"]),
    ((A, [B, 3]), ["0", "1.0"]),
    ({"x": A, "y": {"z": B}}, ["x", "y.z"]),
    (OrderedDict(x=A), ["x"]),
    (Pair(A, B), ["first", "second"]),
    (Batch(A), ["image"]),
    ({"batch": [Batch(B)]}, ["batch.0.image"]),
    ("text", []),
    (None, []),
    (Batch, []),
    (InputSpec((1, 2)), [""]),
]


@pytest.mark.parametrize(("tree", "names"), TREES)
def test_leaves_have_dotted_names(tree: Any, names: list[str]) -> None:
    assert [name for name, _ in leaves(tree)] == names


@pytest.mark.parametrize(("tree", "names"), TREES)
def test_containers_keep_their_types(tree: Any, names: list[str]) -> None:
    changed = map_leaves(tree, lambda leaf: torch.zeros(7))
    assert type(changed) is (torch.Tensor if isinstance(tree, InputSpec) else type(tree))
    assert shapes(changed) == ((7,),) * len(names)


def test_a_default_dict_keeps_its_factory() -> None:
    tree = defaultdict(list, x=A)
    assert map_leaves(tree, lambda leaf: B)["missing"] == []
    assert tree["x"] is A


def test_only_the_data_of_a_packed_sequence_changes() -> None:
    packed = pack_sequence([torch.ones(3, 2), torch.ones(1, 2)])
    changed = map_leaves(packed, lambda leaf: leaf.to("meta"))
    assert changed.data.is_meta
    assert torch.equal(changed.batch_sizes, torch.tensor([2, 1, 1]))
    assert shapes(packed) == ((4, 2),)
