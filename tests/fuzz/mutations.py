"""Files with something wrong in them, made from good ones at random: each is read, or refused in a sentence."""

import io
import random
import tempfile
from contextlib import suppress
from pathlib import Path

import torch
from torch import nn

from analyzer import config
from analyzer.loading.checkpoints import checkpoint
from analyzer.values.errors import Problem

CONFIGURATION = """\
select = ["SEP101"]
[[models]]
target = "model.py:Net"
input = ["1x3x16x16"]
[[models.budgets]]
name = "mobile"
params = "5.0M"
max-increase = { params = "2%", min = "20k" }
level = "error"
[devices.board]
peak_gflops = 4.0
bandwidth_gbs = 2.5
"""
SETUP = (
    "[analyze]\nselect = SEP101\n[analyze:net]\ntarget = model.py\ninput = 1x3x8x8\n[analyze:net:small]\nparams = 5M\n"
)
WORDS = ("[", "]]", "=", '"', "\n", "[models]", "-1", "1e999", "nan", "true", "[]", "{}", "2%", "\x00", "é", "''")


def check_configuration(seed: int) -> None:
    """A configuration is a Config or one sentence."""
    source = random.Random(seed)
    name, text = source.choice((("analyze.toml", CONFIGURATION), ("setup.cfg", SETUP)))
    for _ in range(source.randint(1, 4)):
        text = _mutated_text(source, text)
    _read_or_refused(name, text.encode(), config.read)


def check_checkpoint(seed: int) -> None:
    """A checkpoint is tensors or one sentence; nothing in it is run."""
    source = random.Random(seed)
    name, content = source.choice(FILES)
    data = bytearray(content)
    for _ in range(source.randint(1, 6)):
        _mutate(source, data)
    _read_or_refused(name, bytes(data), checkpoint.read)


def _read_or_refused(name: str, content: bytes, read) -> None:
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / name
        path.write_bytes(content)
        with suppress(Problem):  # any other exception is a mistake of ours
            read(path)


def _mutated_text(source: random.Random, text: str) -> str:
    lines = text.splitlines(keepends=True) or [""]
    line, place = source.randrange(len(lines)), source.randrange(len(text) + 1)
    return source.choice(
        (
            lambda: text[:place] + source.choice(WORDS) + text[place:],
            lambda: text[:place] + text[place + source.randint(1, 9) :],
            lambda: "".join(lines[:line] + lines[line + 1 :]),
            lambda: "".join([*lines[: line + 1], *lines[line:]]),
            lambda: text.replace(source.choice('"=[5'), source.choice(WORDS), 1),
        )
    )()


def _mutate(source: random.Random, data: bytearray) -> None:
    if not data:
        return
    place = source.randrange(len(data))
    kind = source.randrange(4)
    if kind == 0:
        data[place] = source.randrange(256)
    elif kind == 1:
        del data[place : place + source.choice((1, 8, 200, len(data)))]
    elif kind == 2:
        data[place:place] = bytes(source.randrange(256) for _ in range(source.choice((1, 8, 64))))
    else:
        other = source.randrange(len(data))
        data[place : place + 8] = data[other : other + 8]


def _files() -> tuple[tuple[str, bytes], ...]:
    from safetensors.torch import save

    state = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).state_dict()
    kinds = {"weights.pth": True, "weights.pt": False}
    found = [("weights.safetensors", save(dict(state)))]
    for name, zipped in kinds.items():
        stream = io.BytesIO()
        torch.save(state, stream, _use_new_zipfile_serialization=zipped)
        found.append((name, stream.getvalue()))
    return tuple(found)


FILES = _files()
