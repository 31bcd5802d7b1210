"""Time and peak memory of `analyze`, side by side with the least that the same analysis could take."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

HERE = Path(__file__).parent
PLAIN = str(HERE / "plain_resnet50.py")
ANALYZE = (sys.executable, "-m", "analyzer")
FLOORS = {
    "torchvision": (sys.executable, str(HERE / "floor.py"), "torchvision"),
    "plain": (sys.executable, str(HERE / "floor.py"), PLAIN),
}
LLAMA_405B = {
    "model_type": "llama",
    "architectures": ["LlamaForCausalLM"],
    "dtype": "bfloat16",
    "hidden_size": 16384,
    "intermediate_size": 53248,
    "num_hidden_layers": 126,
    "num_attention_heads": 128,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
    "max_position_embeddings": 131072,
}
UNWANTED = ("torch", "torchvision", "torch._dynamo", "fvcore", "matplotlib", "transformers")


@dataclass(frozen=True)
class Run:
    """What one process took."""

    seconds: float
    mebibytes: float


@dataclass(frozen=True)
class Case:
    """A command held to a floor: at most so many times its wall time and its peak memory."""

    name: str
    target: str
    output: str
    floor: str
    wall: float
    memory: float | None


CASES = (
    Case("torchvision:resnet50 to JSON", "torchvision:resnet50", "r.json", "torchvision", 1.25, 1.15),
    Case("torchvision:resnet50 to markdown and figure", "torchvision:resnet50", "r.md", "torchvision", 1.6, None),
    Case("a ResNet-50 in a file to JSON", PLAIN, "p.json", "plain", 1.25, 1.15),
    Case("a ResNet-50 in a file to markdown and figure", PLAIN, "p.md", "plain", 1.6, None),
)


def main() -> None:
    """Print every table; exit 1 when a target was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often each command runs; medians are shown")
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        met = [_print_against_floors(rounds), _print_large(rounds), _print_imports()]
        met.append(_print_growth())
    raise SystemExit(not all(met))


def run(command: Sequence[str]) -> Run:
    """Run a command to its end, quietly; CalledProcessError when it fails."""
    begun = time.perf_counter()
    process = subprocess.Popen(command, env=_environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, list(command))
    return Run(seconds, usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10))


def _environment() -> Mapping[str, str]:
    """As an installed program runs: with its bytecode kept."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _print_against_floors(rounds: int) -> bool:
    commands = {case.name: (*ANALYZE, case.target, "--output", case.output) for case in CASES} | FLOORS
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    for command in commands.values():
        run(command)  # fills the caches of bytecode and of the file system
    for _ in range(rounds):
        for name, command in commands.items():
            runs[name].append(run(command))
    print(f"| {'command':46} | seconds | MiB | × floor's time | at most | × floor's memory | at most |")
    print("|:--|--:|--:|--:|--:|--:|--:|")
    for name in FLOORS:
        print(f"| floor, {name:39} | {_seconds(runs[name]):.2f} | {_memory(runs[name]):.0f} | | | | |")
    met = [_print_case(case, runs[case.name], runs[case.floor]) for case in CASES]
    return all(met)


def _print_case(case: Case, runs: Sequence[Run], floors: Sequence[Run]) -> bool:
    wall = median(run.seconds / floor.seconds for run, floor in zip(runs, floors, strict=True))
    memory = median(run.mebibytes / floor.mebibytes for run, floor in zip(runs, floors, strict=True))
    limit = "" if case.memory is None else f"{case.memory:.2f}"
    numbers = f"{_seconds(runs):.2f} | {_memory(runs):.0f} | {wall:.2f} | {case.wall:.2f} | {memory:.2f} | {limit}"
    print(f"| {case.name:46} | {numbers} |", flush=True)
    return wall <= case.wall and (case.memory is None or memory <= case.memory)


def _seconds(runs: Sequence[Run]) -> float:
    return median(run.seconds for run in runs)


def _memory(runs: Sequence[Run]) -> float:
    return median(run.mebibytes for run in runs)


def _print_large(rounds: int) -> bool:
    folder = Path("Llama-3.1-405B")
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(LLAMA_405B))
    imported = [run((sys.executable, "-c", "import transformers.models.llama.modeling_llama")) for _ in range(rounds)]
    runs = [run((*ANALYZE, f"transformers:{folder}", "--output", "l.json")) for _ in range(rounds)]
    print("\n| command | seconds | MiB |\n|:--|--:|--:|")
    print(f"| the import of transformers' Llama alone | {_seconds(imported):.2f} | {_memory(imported):.0f} |")
    print(f"| Llama-3.1-405B, 128 tokens, to JSON | {_seconds(runs):.2f} | {_memory(runs):.0f} |")
    print("| at most | 10 | 1229 |", flush=True)
    return _seconds(runs) <= 10 and _memory(runs) <= 1.2 * 2**10


def _print_imports() -> bool:
    """What each command imports of `UNWANTED`."""
    rows = {
        "analyze --help": (("--help",), set()),
        "analyze --version": (("--version",), set()),
        "analyze plain.py --output p.json": ((PLAIN, "--output", "p.json"), {"torch"}),
    }
    print("\n| command | imports |\n|:--|:--|")
    met = True
    for name, (arguments, allowed) in rows.items():
        found = imports_of(arguments)
        print(f"| `{name}` | {', '.join(sorted(found)) or 'none of ' + ', '.join(UNWANTED)} |", flush=True)
        met = met and found <= allowed
    return met


def imports_of(arguments: Sequence[str]) -> set[str]:
    """Which of `UNWANTED` a call of `analyze` imports."""
    command = (sys.executable, "-X", "importtime", "-m", "analyzer", *arguments)
    told = subprocess.run(command, env=_environment(), capture_output=True, text=True, check=True).stderr
    imported = {line.rpartition("|")[2].strip() for line in told.splitlines() if line.startswith("import time:")}
    return imported & set(UNWANTED)


def _print_growth() -> bool:
    """Processor seconds for 1 to 1000 blocks, and for 16 to 4096 channels, in one process."""
    print("\n| blocks | channels | operators | CPU seconds | µs an operator |\n|--:|--:|--:|--:|--:|")
    rows = list(_growth())
    per_operator = [seconds / operators for operators, seconds in rows[1:]]
    return max(per_operator) <= 2 * min(per_operator)


def _growth() -> Iterator[tuple[int, float]]:
    from growth import measured

    for blocks, channels in ((1, 16), (10, 16), (100, 16), (1000, 16), (100, 256), (100, 4096)):
        operators, seconds = measured(blocks, channels)
        share = 1e6 * seconds / operators
        print(f"| {blocks} | {channels} | {operators} | {seconds:.3f} | {share:.0f} |", flush=True)
        yield operators, seconds


if __name__ == "__main__":
    main()
