"""Writes a training script for a fitted model: the original teaches, the user's loader gives the pictures."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from string import Template

from analyzer.values.errors import Problem
from analyzer.values.requests import ModelRequest, RewritingOptions

TEMPLATE = Template('''"""Trains the fitted model to give what the original gives (distillation); written by analyze.

    python $script --data data.py:loader --epochs 2

`loader` is a function or an iterable that gives batches: inputs alone, or (inputs, labels), where the labels are
learnt too. Training goes on from $checkpoint when that file is there; the weights go to $tuned.
"""

import argparse
import importlib.util
import sys
from math import cos, pi
from pathlib import Path

import torch
from torch.nn.functional import cross_entropy, kl_div, log_softmax, mse_loss

TARGET = $target  # builds the original
CHECKPOINT = $weights  # its weights; None where it is built with them
STUDENT = $student  # builds the fitted model
FITTED = $fitted  # its weights
RESUME = $resume
TUNED = $tuned_name
TEMPERATURE = 2.0  # softens both models' scores (Hinton et al. 2015)
LABELS = 0.3  # the share of the loss that labels have, where there are some


def module_of(file):
    path = Path(file).resolve()
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def named(place, default):
    file, _, name = place.partition(".py")
    return getattr(module_of(file + ".py"), name.lstrip(":") or default)


def weights_of(file):
    stored = torch.load(file, map_location="cpu", weights_only=True)
    for key in ("state_dict", "model", "model_state_dict"):
        stored = stored.get(key, stored)
    return {name.removeprefix("module."): value for name, value in stored.items()}


def build_teacher():
    found = named(TARGET, "build_model")
    model = found if isinstance(found, torch.nn.Module) else found($settings)
    if CHECKPOINT:
        model.load_state_dict(weights_of(CHECKPOINT))
    return model.eval().requires_grad_(False)


def build_student():
    model = named(STUDENT, "build_model")()
    model.load_state_dict(weights_of(FITTED))
    return model.train()


def split(batch):
    """Inputs and labels; None where there are no labels."""
    if isinstance(batch, torch.Tensor):
        return batch, None
    if len(batch) == 1:
        return batch[0], None
    return batch[0], batch[1]


def distance(student, teacher, labels):
    if student.dim() != 2:  # not scores of classes
        return mse_loss(student, teacher)
    soft = (log_softmax(scores / TEMPERATURE, 1) for scores in (student, teacher))
    loss = kl_div(*soft, log_target=True, reduction="batchmean") * TEMPERATURE**2
    return loss if labels is None else (1 - LABELS) * loss + LABELS * cross_entropy(student, labels)


def bar(done, whole, loss):
    filled = 30 * done // whole
    sys.stderr.write(f"\\r[{'#' * filled}{'.' * (30 - filled)}] {done}/{whole} loss {loss:.4f} ")
    sys.stderr.flush()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True, help="FILE.py:NAME of the loader")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    asked = parser.parse_args()
    torch.manual_seed(0)
    teacher, student = build_teacher().to(asked.device), build_student().to(asked.device)
    found = named(asked.data, "loader")
    loader = found() if callable(found) and not hasattr(found, "__iter__") else found
    loader = loader if hasattr(loader, "__len__") else list(loader)  # a generator gives its batches once
    steps = asked.epochs * len(loader)
    optimizer = torch.optim.AdamW(student.parameters(), lr=asked.rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: (1 + cos(pi * step / steps)) / 2)
    begun = 0
    if Path(RESUME).exists():
        state = torch.load(RESUME, weights_only=True)
        student.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        schedule.load_state_dict(state["schedule"])
        begun = state["epoch"]
    for epoch in range(begun, asked.epochs):
        for index, batch in enumerate(loader):
            inputs, labels = split(batch)
            inputs = inputs.to(asked.device)
            with torch.no_grad():
                wanted = teacher(inputs)
            loss = distance(student(inputs), wanted, None if labels is None else labels.to(asked.device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            bar(epoch * len(loader) + index + 1, steps, loss.item())
        state = {"model": student.state_dict(), "optimizer": optimizer.state_dict()}
        torch.save({**state, "schedule": schedule.state_dict(), "epoch": epoch + 1}, RESUME + ".part")
        Path(RESUME + ".part").replace(RESUME)  # whole or not at all, whenever training is interrupted
    torch.save(student.eval().state_dict(), TUNED)
    sys.stderr.write(f"\\nwritten to {TUNED}\\n")


if __name__ == "__main__":
    main()
''')


def refuse_without_files(target: str, rewriting: RewritingOptions) -> None:
    """Problem where the files that a script needs are not asked for, or the model is in none."""
    if not (rewriting.emit and rewriting.save):
        raise Problem("--finetune-script trains what --emit and --save write: give both")
    if ".py" not in target:
        raise Problem(f"--finetune-script: {target} is in no Python file; write one that builds it, with build_model()")


def script(model: ModelRequest, rewriting: RewritingOptions, name: str) -> str:
    """The text of the script of that name, which trains what is emitted and saved."""
    stem = Path(rewriting.save or "fitted").with_suffix("")
    settings = ", ".join(f"{name}={_value(text)}" for name, text in model.settings.items())
    return TEMPLATE.substitute(
        script=name,
        target=repr(model.target),
        weights=repr(model.checkpoint),
        student=repr(rewriting.emit),
        fitted=repr(rewriting.save),
        resume=repr(f"{stem}-training.pth"),
        checkpoint=f"{stem}-training.pth",
        tuned=f"{stem}-tuned.pth",
        tuned_name=repr(f"{stem}-tuned.pth"),
        settings=settings,
    )


def _value(text: str) -> str:
    """A setting as Python: a number or a word of Python's as it is, else text."""
    try:
        return repr(int(text))
    except ValueError:
        return text if text in ("True", "False", "None") else repr(text)


def write(path: Path, text: str) -> None:
    """Whole or not at all; Problem when it cannot be."""
    part = path.parent / f".{path.name}.part"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        reason = (error.strerror or str(error)).lower()
        raise Problem(f"cannot write {path}: {reason}; choose another place") from error
