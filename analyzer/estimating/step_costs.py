"""What a prefill and one more token cost on a device: work, bytes, and which of both bounds it."""

from __future__ import annotations

from collections import defaultdict

from analyzer.estimating.latency import time_estimate
from analyzer.estimating.operand_bytes import distinct_operands, read_bytes
from analyzer.estimating.token_parameters import token_parameters
from analyzer.formulas.count import Count
from analyzer.values.devices import Device
from analyzer.values.estimates import TimeEstimate
from analyzer.values.operator_classes import moves_nothing
from analyzer.values.recorded_steps import StepTraces
from analyzer.values.steps import StepCost, Steps


def steps_of(traces: StepTraces, device: Device) -> Steps:
    """The state, both steps on this device, and the parameters of one token."""
    prefill, state = Count(traces.prefill), traces.state
    time = time_estimate(prefill, device)
    kept, growth = (state.nbytes, state.token_bytes or 0) if state else (0, 0)
    return Steps(
        device=device.name,
        dtype=time.dtype,
        tokens=traces.tokens,
        batch=traces.batch,
        state=state,
        reason=traces.reason,
        prefill=_cost(prefill, time, device, 0, kept),
        decode=None if traces.decode is None else _decode(Count(traces.decode), device, kept, growth),
        token=None if traces.token is None else token_parameters(Count(traces.token)),
    )


def _decode(count: Count, device: Device, kept: int, growth: int) -> StepCost:
    return _cost(count, time_estimate(count, device), device, kept, kept + growth)


def _cost(count: Count, time: TimeEstimate, device: Device, before: int, after: int) -> StepCost:
    total = count.total
    nbytes = sum(layer.nbytes for layer in time.layers)
    return StepCost(
        macs=total.macs or 0,
        flops=total.flops or 0,
        other_flops=total.other_flops or 0,
        complete=not count.uncounted,
        param_bytes=param_bytes_read(count),
        state_bytes_before=before,
        state_bytes_after=after,
        nbytes=nbytes,
        intensity=(total.flops or 0) / nbytes if nbytes else 0.0,
        ridge=device.peak(time.dtype) / device.bandwidth,
        bound=_bound(time),
        seconds=time.seconds,
    )


def _bound(time: TimeEstimate) -> str:
    """What bounds the layers that most of the time goes to."""
    shares: dict[str, float] = defaultdict(float)
    for layer in time.layers:
        shares[layer.bound] += layer.seconds.high
    return max(shares, key=shares.__getitem__, default="overhead")


def param_bytes_read(count: Count) -> int:
    """Bytes of parameters that one call reads at most, each once; of tables and stacked experts the rows alone."""
    named = {parameter.name: parameter.identity for parameter in count.trace.parameters}
    read: dict[int, int] = defaultdict(int)
    for op in count.trace.graph:
        for tensor in () if moves_nothing(op) else distinct_operands(op):
            if tensor.weight in named:
                read[named[tensor.weight]] += read_bytes(op, tensor)
    return sum(min(p.numel * p.itemsize, read[p.identity]) for p in count.parameters)
