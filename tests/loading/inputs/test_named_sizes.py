"""Names of sizes in inputs get the sizes that inference has, or those that are given."""

import pytest
import torch
from torch import nn

from analyzer.loading.inputs.named_sizes import asked
from analyzer.loading.loaded_model import Inputs, InputSpec
from analyzer.values.errors import Problem


class Masked(nn.Module):
    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return ids * mask


IMAGES = (Inputs((InputSpec((1, 3, 224, 224)),)), Inputs((InputSpec((1, 3, 64, 32)),)))
TOKENS = (Inputs((InputSpec((1, 128), "int64"), InputSpec((1, 128), "bool"))),)


def shapes(found: tuple[Inputs, ...]) -> list[tuple[int, ...]]:
    return [inputs.args[0].shape for inputs in found]


def of_images(*specs: str) -> tuple[Inputs, ...]:
    return asked(specs, nn.Conv2d(3, 8, 3), (), lambda: IMAGES)


def test_every_example_of_the_rank_is_tried() -> None:
    found = of_images("BATCHx3xHxW")
    assert shapes(found) == [(1, 3, 224, 224), (1, 3, 64, 32)]
    assert found[0].args[0].axes == ("BATCH", "", "H", "W")


def test_an_example_with_the_written_numbers_comes_first() -> None:
    assert shapes(of_images("Nx3x64xW")) == [(1, 3, 64, 32), (1, 3, 64, 224)]


def test_a_size_that_is_given_counts() -> None:
    assert shapes(of_images("NxCxHxW", "H=96", "N=2")) == [(2, 3, 96, 224), (2, 3, 96, 32)]
    assert shapes(asked(["NxHxW", "H=96", "N=2", "W=5"], nn.Conv1d(96, 8, 3), (), lambda: ())) == [(2, 96, 5)]


def test_one_name_has_one_size() -> None:
    assert shapes(of_images("1x3xSxS")) == [(1, 3, 224, 224), (1, 3, 64, 64)]


def test_integers_need_not_be_said_again() -> None:
    (found,) = asked(["mask=NxSEQ", "ids=NxSEQ"], Masked(), (), lambda: TOKENS)
    assert found.kwargs["ids"] == InputSpec((1, 128), "int64", axes=("N", "SEQ"))
    assert found.kwargs["mask"] == InputSpec((1, 128), "bool", axes=("N", "SEQ"))
    (found,) = asked(["NxSEQ:float32", "NxSEQ"], Masked(), (), lambda: TOKENS)
    assert [spec.dtype for spec in found.args] == ["float32", "bool"]


def test_inputs_without_names_are_as_they_are() -> None:
    assert of_images("2x3x8x8") == (Inputs((InputSpec((2, 3, 8, 8)),)),)
    (found,) = asked(["N=1x128", "mask=1x128"], nn.Bilinear(2, 2, 2), (Inputs(([],)),), lambda: ())
    assert found.kwargs["N"].axes == ()


def test_a_size_that_cannot_be_found_is_asked_for() -> None:
    with pytest.raises(Problem, match=r"no size of DEPTH is known to begin with; .* such as --input DEPTH=64"):
        of_images("Nx3xHxWxDEPTH", "H=8", "W=8", "N=1")


def test_a_misfit_is_told_before_sizes_are_looked_for() -> None:
    with pytest.raises(Problem, match=r"--input does not fit Masked\.forward"):
        asked(["images=Nx3xHxW"], Masked(), (), lambda: TOKENS)
