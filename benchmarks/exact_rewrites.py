"""Carries out every exact change of many models and compares outputs: `python benchmarks/exact_rewrites.py --help`.

Batch normalizations get random statistics and scales, so that nothing hides behind their initial ones. All exact advice
that can be taken together is taken, in float32, and the largest relative distance of an output is printed. With --table
rows are added to a file, and models that have a row there already are passed over, so that a run can be taken up again.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils import _pytree as pytree

import analyzer
from analyzer.values.advice import Advice


def main() -> None:
    arguments = _arguments()
    torch.set_num_threads(1)
    done = _done(arguments.table)
    print(f"{'model':34} {'error':>9} {'params':>8} {'MACs':>8} {'seconds':>8}  changes")
    for name in arguments.models:
        if name in done:
            continue
        try:
            row = _row(name, arguments)
        except Exception as error:  # one model must not end the table
            row = f"{name:34} {type(error).__name__}: {' '.join(str(error).split())[:160]}"
        print(row, flush=True)
        if arguments.table:
            with arguments.table.open("a", encoding="utf-8") as table:
                table.write(f"{row}\n")


def _done(table: Path | None) -> set[str]:
    if table is None or not table.exists():
        return set()
    return {line.split()[0] for line in table.read_text(encoding="utf-8").splitlines() if line}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+", help="torchvision:NAME or timm:NAME")
    parser.add_argument("--size", type=int, help="height and width of the input, else the model's own")
    parser.add_argument("--double", action="store_true", help="compare in double precision: rounding falls to 1e-14")
    parser.add_argument("--export", action="store_true", help="compare what torch.export makes of the result as well")
    parser.add_argument("--onnx", action="store_true", help="compare what ONNX Runtime makes of the result as well")
    parser.add_argument("--table", type=Path, help="a file to add the rows to")
    return parser.parse_args()


def _row(name: str, arguments: argparse.Namespace) -> str:
    started = time.process_time()
    model, own = _model(name)
    side = arguments.size or own
    value = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(1))
    if arguments.double:
        model, value = model.double(), value.double()
    analysis = analyzer.analyze(model, value)
    chosen = list(_disjoint(item for item in analysis.advice if item.effort == "none" and item.replacements))
    result = analyzer.rewrite(model, chosen)
    with torch.no_grad():
        before, after = model(value), result(value)
    error = _distance(before, after)
    if arguments.export or arguments.onnx:
        program = torch.export.export(result, (value,))
        error = max(error, _distance(before, program.module()(value)))
    if arguments.onnx:
        error = max(error, _distance(before, _by_onnx_runtime(program, value)))
    saved = [sum(getattr(item.saved, kind) for item in chosen if item.saved) for kind in ("params", "macs")]
    wholes = (analysis.total.params, analysis.total.macs or 1)
    shares = [f"{part / whole:8.1%}" for part, whole in zip(saved, wholes, strict=True)]
    rules = " ".join(f"{rule}x{times}" for rule, times in sorted(Counter(item.rule for item in chosen).items()))
    seconds = time.process_time() - started
    return f"{name:34} {error:9.1e} {shares[0]} {shares[1]} {seconds:8.1f}  {rules or '-'}"


def _by_onnx_runtime(program: torch.export.ExportedProgram, value: torch.Tensor) -> list[torch.Tensor]:
    import onnxruntime

    with TemporaryDirectory() as folder, redirect_stdout(StringIO()):
        path = Path(folder) / "model.onnx"
        onnx = torch.onnx.export(program, verbose=False)
        assert onnx is not None
        onnx.save(path)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        given = {session.get_inputs()[0].name: value.numpy()}
        return [torch.from_numpy(output) for output in session.run(None, given)]


def _model(name: str) -> tuple[nn.Module, int]:
    torch.manual_seed(0)
    library, _, own = name.partition(":")
    if library == "timm":
        import timm

        model = timm.create_model(own)
        size = model.default_cfg["input_size"][1]
    else:
        from torchvision import models

        options = {"init_weights": False} if own in ("googlenet", "inception_v3") else {}
        model, size = models.get_model(own, weights=None, **options), 299 if own == "inception_v3" else 224
    for layer in model.modules():
        if isinstance(layer, _BatchNorm) and layer.running_mean is not None and layer.running_var is not None:
            _randomize(layer)
    return model.eval(), size


def _randomize(norm: _BatchNorm) -> None:
    with torch.no_grad():
        norm.running_mean.uniform_(-0.2, 0.2)
        norm.running_var.uniform_(0.6, 1.5)
        if norm.affine:
            norm.weight.uniform_(0.6, 1.5)
            norm.bias.uniform_(-0.2, 0.2)


def _disjoint(advice: Iterator[Advice]) -> Iterator[Advice]:
    """Those that save most first, no layer twice, and none within what another one replaces."""
    taken: set[str] = set()
    for item in sorted(advice, key=lambda item: -(item.saved.params + item.saved.macs) if item.saved else 0):
        paths = {replacement.path for replacement in item.replacements}
        if not any(_meet(path, other) for path in paths for other in taken):
            taken |= paths
            yield item


def _meet(one: str, other: str) -> bool:
    return one == other or one.startswith(f"{other}.") or other.startswith(f"{one}.")


def _distance(before: object, after: object) -> float:
    """|after - before| / |before|, or |after - before| where the output is zero, of the output that differs most."""
    pairs = zip(pytree.tree_leaves(before), pytree.tree_leaves(after), strict=True)
    known = [(old.detach(), new.detach()) for old, new in pairs if isinstance(old, torch.Tensor)]
    return max(float((new - old).norm()) / (float(old.norm()) or 1.0) for old, new in known)


if __name__ == "__main__":
    sys.exit(main())
