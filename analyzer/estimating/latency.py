"""Where the time of an inference would go on a device, layer by layer, as ranges.

On a device that was measured, an operator takes overhead + FLOPs / (e · attainable FLOP/s) + bytes / (e · bandwidth),
with efficiencies e by class of operators, after Qi, Sparks and Talwalkar, "Paleo: a performance model for deep neural
networks" (2017). On a nominal device it takes at least max(FLOPs / peak, bytes / bandwidth), after Williams, Waterman
and Patterson, "Roofline" (2009), plus the launch of a kernel: its range is `NOMINAL` times that.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from analyzer.estimating.efficiency import Efficiencies, calibrated
from analyzer.estimating.work import OperatorWork, eager_work, fused_work
from analyzer.formulas.count import Count
from analyzer.values.devices import Device
from analyzer.values.estimates import LayerTime, Span, TimeEstimate
from analyzer.values.roofline import Parts, attainable, bound_of, parts_at_peak

NOMINAL: Final = (1.5, 4.0)
"""What networks take over the roofline at nominal peaks: 1.6 to 3.6 times for six networks' published throughputs on
two graphics cards and a laptop's processor (pytorch-image-models, results/benchmark-infer-*.csv)."""
ITEMSIZE: Final = {"float32": 4, "float16": 2, "bfloat16": 2, "int8": 1}
EAGER: Final = (
    "every operator runs by itself, as torch runs it in eager mode; efficiencies were calibrated in float32 "
    "on one thread"
)
FUSED: Final = (
    "elementwise work and batch normalization that alone follow a convolution or a product are fused to it and move "
    "only what they read besides"
)
CACHES: Final = "each operator reads its inputs and weights once and writes its outputs once"


def parts_of(work: OperatorWork, device: Device, table: Efficiencies | None) -> Parts:
    """Seconds on the device: FLOPs / (e · peak), bytes / (e · bandwidth) and the overhead of a call, e from the table.

    Without a table at the device's peaks, as `roofline.parts_at_peak`.
    """
    if table is None:
        return parts_at_peak(work.macs, work.nbytes, work.dtype, device)
    own, peak = table.classes[work.kind], device.peak(work.dtype)
    compute, memory = work.flops / (own.arithmetic * peak), work.nbytes / (own.bandwidth * device.bandwidth)
    return Parts(compute, memory, own.overhead, is_sum=True)


def time_estimate(count: Count, device: Device) -> TimeEstimate:
    """One inference of what was counted on this device, in the data type that was traced.

    A profile of one data type, "a100-fp16", takes the floating-point tensors as if they were of that type.
    """
    table = calibrated() if device.is_measured else None
    works = in_dtype_of(device, eager_work(count) if table else fused_work(count))
    total = sum(parts_of(work, device, table).seconds for work in works)
    return TimeEstimate(
        device=device.name,
        source=device.source,
        dtype=_dtype(works),
        seconds=span(total, table.spread if table else None),
        layers=tuple(_layers(works, device, table)),
        error=table.error if table else None,
        assumptions=(EAGER,) if table else (CACHES, FUSED, *_nominal(device)),
        peak=device.peak(_dtype(works)),
        bandwidth=device.bandwidth,
    )


def in_dtype_of(device: Device, works: Sequence[OperatorWork]) -> tuple[OperatorWork, ...]:
    """The work in the one data type that the device's profile is of: bytes of floating-point tensors are scaled."""
    only = next(iter(device.flops)) if len(device.flops) == 1 else None
    if only is None or only not in ITEMSIZE or device.is_measured:
        return tuple(works)
    return tuple(_converted(work, only) for work in works)


def _converted(work: OperatorWork, dtype: str) -> OperatorWork:
    if work.dtype not in ITEMSIZE or ITEMSIZE[dtype] >= ITEMSIZE[work.dtype]:
        return work
    return replace(work, nbytes=work.nbytes * ITEMSIZE[dtype] // ITEMSIZE[work.dtype], dtype=dtype)


def _dtype(works: Sequence[OperatorWork]) -> str:
    """The data type of most of the arithmetic."""
    flops: dict[str, int] = defaultdict(int)
    for work in works:
        flops[work.dtype] += work.flops + work.other_flops
    return max(flops, key=flops.__getitem__, default="float32")


def span(seconds: float, spread: float | None) -> Span:
    """Seconds around a calibrated estimate, s / spread to s · spread; without a spread `NOMINAL` times the bound."""
    if spread is None:
        return Span(seconds * NOMINAL[0], seconds * NOMINAL[1])
    return Span(seconds / spread, seconds * spread)


def _layers(works: Iterable[OperatorWork], device: Device, table: Efficiencies | None) -> Iterator[LayerTime]:
    owned: dict[str, list[OperatorWork]] = defaultdict(list)
    for work in works:
        owned[work.layer].append(work)
    for path, own in owned.items():
        parts = [parts_of(work, device, table) for work in own]
        macs, nbytes = sum(work.macs for work in own), sum(work.nbytes for work in own)
        yield LayerTime(
            path=path,
            bound=bound_of(parts),
            attainable=attainable(macs, nbytes, own[0].dtype, device),
            flops=2 * macs,
            nbytes=nbytes,
            seconds=span(sum(part.seconds for part in parts), table.layer_spread if table else None),
        )


def _nominal(device: Device) -> Iterator[str]:
    low, high = NOMINAL
    yield f"{low:g} to {high:g} times the roofline at nominal peaks, as published throughputs of other devices are"
    if device.launch:
        yield f"starting a kernel takes {1e6 * device.launch:g} µs, as an assumption"
