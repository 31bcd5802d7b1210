"""Check programs and mutated files, seed after seed until the time is up: `python -m fuzz.run_fuzz --minutes 60`."""

import argparse
import faulthandler
import itertools
import time
import traceback
import warnings
from collections import Counter

from fuzz.invariants import CHECKS
from fuzz.mutations import check_checkpoint, check_configuration


def main() -> int:
    """1 when something failed; each failure is shown with the seed that repeats it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--first", type=int, default=100_000, help="the first seed; the suite's own are below")
    parser.add_argument("--programs", type=int, default=None, help="stop after so many programs")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    faulthandler.enable()  # a kernel of torch's may end the process
    deadline, done, failed = time.monotonic() + 60 * options.minutes, Counter(), Counter()
    checks = {**CHECKS, "checkpoint": check_checkpoint, "configuration": check_configuration}
    for seed in itertools.count(options.first):
        if time.monotonic() > deadline or (options.programs is not None and done["counts"] >= options.programs):
            break
        if seed % 100 == 0:
            print(f"at seed {seed}", flush=True)
        for name, check in checks.items():
            if name == "counts" or seed % 5 == 0:  # the count is what most programs are for
                done[name] += 1
                failed[name] += not _passes(name, check, seed)
    print(", ".join(f"{name}: {number} checked, {failed[name]} failed" for name, number in done.items()))
    return int(any(failed.values()))


def _passes(name: str, check, seed: int) -> bool:
    try:
        check(seed)
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        print(f"{name} {seed}: {type(error).__name__}: {str(error)[:300]} ({last.filename}:{last.lineno})", flush=True)
        return False
    return True


if __name__ == "__main__":
    raise SystemExit(main())
