"""Work that a forward hands to other threads is counted as its own; other threads' work is not."""

import atexit
import threading
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.pool import ThreadPool
from typing import Any

import pytest
import torch
from torch import nn

from analyzer import Analysis, analyze
from analyzer.tracing.forward import STRAY, UNFINISHED

ONCE = 2 * 8 * 8
"""MACs of one Linear(8, 8) on two rows."""
POOL = ThreadPoolExecutor(2)
OLD_POOL = ThreadPool(2)
atexit.register(OLD_POOL.terminate)
PATCHED = (ThreadPoolExecutor.submit, threading.Thread.start, ThreadPool.map, ThreadPool._map_async)


class Threaded(nn.Module):
    def __init__(self, run: Any) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(8, 8), nn.Linear(8, 8)
        self.run = run

    def forward(self, x: torch.Tensor) -> Any:
        return self.run([self.a, self.b, lambda y: y @ self.a.weight], x)


def in_a_new_pool(calls: Any, x: torch.Tensor) -> Any:
    with ThreadPoolExecutor(3) as pool:
        return list(pool.map(lambda call: call(x), calls))


def in_an_old_pool(calls: Any, x: torch.Tensor) -> Any:
    return [future.result() for future in [POOL.submit(call, x) for call in calls]]


def in_processes_pool_of_threads(calls: Any, x: torch.Tensor) -> Any:
    with ThreadPool(2) as pool:
        return [pool.map(lambda call: call(x), calls[:-1]), pool.apply(calls[-1], (x,))]


def in_an_old_pool_of_threads(calls: Any, x: torch.Tensor) -> Any:
    return list(OLD_POOL.imap(lambda call: call(x), calls))


def in_threads(calls: Any, x: torch.Tensor) -> Any:
    found: list[torch.Tensor] = []
    threads = [threading.Thread(target=lambda call=call: found.append(call(x))) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def in_threads_of_threads(calls: Any, x: torch.Tensor) -> Any:
    return in_an_old_pool([lambda y: in_threads(calls, y)], x)


def in_threads_that_wait(calls: Any, x: torch.Tensor) -> Any:
    gate, found = threading.Event(), []

    def wait(call: Any) -> None:
        gate.wait()
        found.append(call(x))

    threads = [threading.Thread(target=wait, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    gate.set()
    for thread in threads:
        thread.join()
    return found


WAYS = [
    in_a_new_pool,
    in_an_old_pool,
    in_processes_pool_of_threads,
    in_an_old_pool_of_threads,
    in_threads,
    in_threads_of_threads,
    in_threads_that_wait,
]


def rows(analysis: Analysis) -> dict[str, tuple[int, int | None]]:
    return {layer.path: (layer.calls, layer.macs) for layer in analysis.layers}


@pytest.mark.parametrize("way", WAYS)
def test_work_on_other_threads_is_counted_where_it_belongs(way: Any) -> None:
    analysis = analyze(Threaded(way), torch.randn(2, 8))
    assert (analysis.total.macs, analysis.complete, analysis.tracing.mode) == (3 * ONCE, True, "meta")
    assert rows(analysis) == {"": (1, ONCE), "a": (1, ONCE), "b": (1, ONCE)}
    assert (ThreadPoolExecutor.submit, threading.Thread.start, ThreadPool.map, ThreadPool._map_async) == PATCHED


@pytest.mark.parametrize("way", WAYS)
def test_a_thread_of_the_models_own_works_as_before_afterwards(way: Any) -> None:
    model, x = Threaded(way), torch.randn(2, 8)
    analyze(model, x)
    tensors = [leaf for item in model(x) for leaf in (item if isinstance(item, list) else [item])]
    assert len(tensors) == 3
    assert all(tensor.requires_grad and not tensor.is_meta for tensor in tensors)


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("way", WAYS)
def test_values_that_a_thread_asks_for_are_asked_of_real_tensors(way: Any) -> None:
    def run(calls: Any, x: torch.Tensor) -> Any:
        return way([lambda y: calls[0](y) if calls[1](y).sum().item() < 1e9 else y], x)

    analysis = analyze(Threaded(run), torch.randn(2, 8))
    assert (analysis.total.macs, analysis.tracing.mode) == (2 * ONCE, "real")


def test_what_still_runs_at_the_end_is_named() -> None:
    release = threading.Event()

    def run(calls: Any, x: torch.Tensor) -> Any:
        threading.Thread(target=release.wait, daemon=True).start()
        return calls[0](x)

    analysis = analyze(Threaded(run), torch.randn(2, 8))
    release.set()
    assert (analysis.total.macs, [item.reason for item in analysis.uncounted]) == (ONCE, [UNFINISHED])


def test_a_worker_that_waits_for_work_since_before_is_named() -> None:
    given, done = threading.Semaphore(0), threading.Semaphore(0)
    work: list[Any] = []

    def worker() -> None:
        given.acquire()
        call, x = work.pop()
        call(x)
        done.release()

    threading.Thread(target=worker, daemon=True).start()

    def run(calls: Any, x: torch.Tensor) -> Any:
        if calls[0].weight.is_meta:
            return x
        work.append((calls[0], x))
        given.release()
        done.acquire()
        return calls[1](x)

    analysis = analyze(Threaded(run), torch.randn(2, 8))
    assert [(item.layers, item.reason) for item in analysis.uncounted] == [(("a",), STRAY)]


def test_another_threads_model_is_not_counted() -> None:
    other, go, ran = nn.Linear(8, 8), threading.Event(), threading.Event()

    def elsewhere() -> None:
        go.wait()
        for _ in range(20):
            other(torch.randn(2, 8))
        ran.set()

    def let_it_run() -> None:
        go.set()
        ran.wait(10)

    thread = threading.Thread(target=elsewhere)
    thread.start()

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.outer = nn.Sequential(nn.Linear(8, 8))
            self.outer[0].register_forward_pre_hook(lambda *_: let_it_run())

        def forward(self, x: torch.Tensor) -> Any:
            return self.outer(x)

    analysis = analyze(Model(), torch.randn(2, 8))
    thread.join()
    assert rows(analysis) == {"": (1, 0), "outer": (1, 0), "outer.0": (1, ONCE)}


def test_two_threads_analyse_at_once() -> None:
    together = threading.Barrier(2, timeout=20)

    class Model(nn.Module):
        def __init__(self, layers: int) -> None:
            super().__init__()
            self.layers = nn.ModuleList(nn.Linear(8, 8) for _ in range(layers))

        def forward(self, x: torch.Tensor) -> Any:
            for layer in self.layers:
                x = layer(x)
                together.wait()
            return x

    found: dict[int, Analysis] = {}
    models = [Model(4), Model(4)]

    def run(number: int) -> None:
        found[number] = analyze(models[number], torch.randn(number + 1, 8))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, analysis in found.items():
        each = (number + 1) * 8 * 8
        assert analysis.total.macs == 4 * each
        assert rows(analysis) == {"": (1, 0), **{f"layers.{index}": (1, each) for index in range(4)}}
    assert (ThreadPoolExecutor.submit, threading.Thread.start, ThreadPool.map, ThreadPool._map_async) == PATCHED
