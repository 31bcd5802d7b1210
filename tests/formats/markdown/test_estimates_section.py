"""The report's part on estimates: ranges, what they rest on, and nothing where nothing applies."""

from dataclasses import replace

import pytest

from analyzer.formats.markdown import estimates_section, report
from analyzer.formats.markdown.estimates_section import MOST
from analyzer.values.estimates import (
    Deployability,
    DeviceFit,
    EnergyEstimate,
    Estimates,
    EstimatorError,
    LayerEnergy,
    LayerTime,
    MemoryEstimate,
    MemoryPoint,
    ProposalTime,
    Span,
    StoredBytes,
    TimeEstimate,
    TrainingFootprint,
)
from analyzer.values.results import Analysis

ERROR = EstimatorError(44, 0.053, 0.111, 0.997, 0.052, 20, 0.046, 0.178, "a processor")
TIME = TimeEstimate(
    "this",
    "measured here",
    "float32",
    Span(0.0421, 0.0663),
    (
        LayerTime("stem", "compute", 1.0, 10**9, 10**6, Span(0.02, 0.04)),
        LayerTime("fc", "memory", 0.0951, 10**6, 10**7, Span(0.01, 0.02)),
    ),
    (ProposalTime("SEP101", "stem", "memory", Span(0.02, 0.04), Span(0.004, 0.008), 0.2),),
    ERROR,
    ("every operator runs by itself",),
)
MEMORY = MemoryEstimate(
    10 * 2**20,
    8 * 2**20,
    "stem",
    "aten.convolution",
    602112,
    (StoredBytes("float32", 2**20, 1024), StoredBytes("int64", 0, 8)),
    (MemoryPoint("stem", 10 * 2**20), MemoryPoint("fc", 4096)),
    ("as torch keeps them",),
)
ENERGY = EnergyEstimate("float32", 0.02, 0.03, Span(0.005, 0.5), (LayerEnergy("stem", 0.02, 0.03),), ("45 nm",))
FITS = Deployability(
    "cortex-m7",
    2**21,
    2**20,
    (DeviceFit("float32", 2**22, 2**20, "fc", None), DeviceFit("int8", 2**20, 2**18, None, None)),
    ("x",),
)


def test_time_has_a_range_and_says_that_it_was_not_timed() -> None:
    text = estimates_section.time(TIME)
    assert text.startswith("**Time on this: 42 to 66 ms**, estimated and never timed.")
    assert "67 % by compute, 33 % by memory" in text


def test_layers_with_bound_and_attainable_share() -> None:
    rows = [line for line in estimates_section.time(TIME).splitlines() if line.startswith("| `")]
    cells = [[cell.strip().replace("\u00a0", " ") for cell in row.split("|")[1:-1]] for row in rows]
    assert cells == [
        ["`stem`", "20 to 40 ms", "compute", "100 %", "67 %"],
        ["`fc`", "10 to 20 ms", "memory", "10 %", "33 %"],
    ]


def test_proposals_have_ranges_and_a_ratio() -> None:
    assert "| SEP101       | `stem`  | 20 to 40 ms | 4 to 8 ms    |" in estimates_section.time(TIME)
    assert "×0.2" in estimates_section.time(TIME)


def test_the_error_is_printed_beside_the_estimate() -> None:
    text = estimates_section.time(TIME)
    assert "off by 5% in the median and by less than 11% for nine of ten of 44 networks" in text
    assert "rank correlation 0.997" in text
    assert "off by 5% in the median and by less than 18% for nine of ten of 20 networks of another collection" in text


def test_a_device_without_calibration_says_so() -> None:
    assert "The estimator was not calibrated on this device." in estimates_section.time(replace(TIME, error=None))


def test_at_most_so_many_layers() -> None:
    many = tuple(replace(TIME.layers[0], path=f"layer{index}") for index in range(3 * MOST))
    text = estimates_section.time(replace(TIME, layers=many, proposals=()))
    assert text.count("| `layer") == MOST


def test_memory_names_its_layer() -> None:
    text = estimates_section.memory(MEMORY, "net-memory.svg").replace("\u00a0", " ")
    assert text.startswith(
        "**Peak memory of activations with the workspaces of kernels: 10.0 MiB** in `stem` (`aten.convolution`)."
    )
    assert "![Memory held along the depth](<net-memory.svg>)" in text
    assert "buffers in int64" in text
    assert "parameters in int64" not in text


def test_energy_is_an_order_of_magnitude() -> None:
    text = estimates_section.energy(ENERGY)
    assert "an order of magnitude around 50 mJ** (5 to 500 mJ)" in text
    assert "60 % of it for moving data" in text


def test_deployability_names_what_breaks_it() -> None:
    text = estimates_section.deployability(FITS)
    assert "flash at `fc`" in text
    assert "nothing: it fits" in text
    assert "RAM at" not in text


def test_training_adds_up() -> None:
    text = estimates_section.training(TrainingFootprint("adamw", 2**20, 2**20, 2**21, 2**20, 2**20))
    assert text.startswith("**Training with adamw: about 6.0 MiB** for a step.")


@pytest.mark.parametrize("part", ["energy", "training", "deployability", "section"])
def test_what_does_not_apply_is_left_out(part: str) -> None:
    assert getattr(estimates_section, part)(None) == ""


def test_the_report_has_the_section_only_when_there_are_estimates(analysis: Analysis) -> None:
    assert "Estimated, not measured" not in report.render(analysis)
    text = report.render(replace(analysis, estimates=Estimates(TIME, MEMORY, ENERGY)))
    assert "## Estimated, not measured\n\n**Time on this" in text


def test_estimates_survive_json(analysis: Analysis) -> None:
    estimated = replace(analysis, estimates=Estimates(TIME, MEMORY, ENERGY, deployability=FITS))
    assert Analysis.from_json(estimated.to_json()) == estimated
