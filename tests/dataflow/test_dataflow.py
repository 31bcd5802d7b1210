"""The facts of a model: shares, roles and what must be left alone."""

import pytest
import torch
from torch import nn

from analyzer.dataflow import read_by_others


class Tied(nn.Module):
    """The output layer reads the embedding's weight."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.body = nn.Embedding(10, 4), nn.Linear(4, 4)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.body(self.embedding(ids)) @ self.embedding.weight.T


def test_shares_are_of_the_whole_model(facts):
    found = facts(
        nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.Conv2d(8, 8, 1, bias=False)), (1, 3, 8, 8)
    )
    first, second = found.convolutions.values()
    assert found.params == 3 * 8 * 9 + 8 * 8
    assert first.share_of_params == 3 * 8 * 9 / found.params
    assert second.share_of_macs == 8 * 8 * 64 / found.macs
    assert (first.is_stem, first.is_head, second.is_stem, second.is_head) == (True, False, False, True)


def test_who_normalizes_follows_and_reads_a_layer(facts):
    body = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 1), nn.Conv2d(8, 4, 1))
    found = facts(body, (1, 3, 8, 8)).convolutions
    assert (found["0"].norm, found["0"].readers) == ("1", ("3",))
    assert (found["3"].rectified, found["3"].follower, found["4"].sources) == ("1", "4", ("3",))


def test_a_normalization_is_fed_by_the_layer_it_can_be_folded_into(facts):
    (norm,) = facts(nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)), (1, 3, 8, 8)).norms
    assert (norm.path, norm.channels, norm.params, norm.convolution) == ("1", 8, 16, "0")


class Siblings(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(3, 4, 1), nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.c(self.a(x) + self.b(x))


def test_siblings_read_the_same_tensor(facts):
    assert facts(Siblings(), (1, 3, 8, 8)).siblings == (("a", "b"),)


@pytest.mark.parametrize(("dtype", "owner"), [("int64", "embedding")])
def test_weights_that_another_layer_reads_are_left_alone(traced, dtype, owner):
    assert owner in read_by_others(traced(Tied(), (1, 5), dtype=dtype))


def test_linear_layers_by_their_features_and_rows(facts):
    (linear,) = facts(nn.Sequential(nn.Linear(6, 4)), (2, 5, 6)).linears
    assert (linear.in_features, linear.out_features, linear.params, linear.rows) == (6, 4, 6 * 4 + 4, 2 * 5)
    assert linear.has_bias
