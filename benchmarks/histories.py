"""The gate on a real commit of somebody's repository, beside counts that torch makes of both sides.

    python benchmarks/histories.py CLONE BASE HEAD TARGET 1x3x224x224 [NAME=VALUE...]

prints the verdict of a growth limit of nothing, the gate's numbers of base and head, and those of `parameters()` and of
`FlopCounterMode`, halved, for the model built in a process of its own. The clone is left as it is.
"""

import ast
import importlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

LIMITS = """\
[[models]]
target = "{target}"
input = "{size}"
set = {{ {settings} }}
[[models.budgets]]
max-increase = {{ params = "0%", macs = "0%" }}
"""


def git(folder: Path, *arguments: str) -> None:
    """Run git in a folder; CalledProcessError when it fails."""
    subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True)


def gated(checkout: Path, base: str, target: str, size: str, settings: dict[str, object]) -> str:
    """The gate's verdict with parameters and MACs of both sides."""
    given = ", ".join(f"{name} = {json.dumps(value)}" for name, value in settings.items())
    text = LIMITS.format(target=target, size=size, settings=given)
    (checkout / "analyze.toml").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "analyzer", "--against", base, "--output", "json:-"]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
    if done.returncode > 1:
        return f"exit {done.returncode}: {done.stderr.strip()}"
    report = json.loads(done.stdout)
    before, after = report["difference"]["before"], report["total"]
    sides = [f"{side['params']:,} params {side['macs']:,} MACs" if side else "absent" for side in (before, after)]
    return f"exit {done.returncode}, {report['verdict']}: {' -> '.join(sides)}"


def counted(checkout: Path, target: str, size: str, settings: dict[str, object]) -> str:
    """Parameters and MACs as torch counts them, in a process that knows nothing of the analyzer."""
    command = [sys.executable, __file__, "--count", target, size, json.dumps(settings)]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
    return done.stdout.strip() or (done.stderr.strip().splitlines() or ["nothing"])[-1]


def count(target: str, size: str, settings: dict[str, object]) -> None:
    """Print what torch says of the model."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    file, name = target.split(":")
    sys.path.insert(0, str(Path.cwd()))
    module = importlib.import_module(".".join(Path(file).with_suffix("").parts))
    model = getattr(module, name)(**settings).eval()
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        model(torch.zeros(*map(int, size.split("x"))))
    params = sum(parameter.numel() for parameter in model.parameters())
    print(f"{params:,} params {counter.get_total_flops() // 2:,} MACs")


def main(clone: str, base: str, head: str, target: str, size: str, *pairs: str) -> None:
    """Print a line for the gate, and one for each side."""
    settings = {name: ast.literal_eval(value) for name, _, value in (pair.partition("=") for pair in pairs)}
    with tempfile.TemporaryDirectory() as folder:
        checkout = Path(folder) / "checkout"
        subprocess.run(["git", "clone", "--quiet", "--no-checkout", clone, str(checkout)], check=True)
        # A clone without its largest files may hold stand-ins for them, made with git replace.
        git(checkout, "fetch", "--quiet", "origin", "refs/replace/*:refs/replace/*")
        git(checkout, "checkout", "--force", "--quiet", "--detach", head)
        print("gate ", gated(checkout, base, target, size, settings))
        print("head ", counted(checkout, target, size, settings))
        git(checkout, "checkout", "--force", "--quiet", "--detach", base)
        print("base ", counted(checkout, target, size, settings))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--count"]:
        count(sys.argv[2], sys.argv[3], json.loads(sys.argv[4]))
    else:
        main(*sys.argv[1:])
