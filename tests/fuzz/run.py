"""Fuzzes by hand, from the root of the checkout: python -m tests.fuzz.run [TARGET ...] --seconds 600

Seconds are of CPU, a target. What goes new ways is kept in .cache/fuzz/<target> and taken up again the next time;
findings go to .cache/fuzz/findings and are printed. The exit code is 1 if there are any.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from pathlib import Path

from tests.fuzz.engine import Fuzzer, bound_memory, name_of
from tests.fuzz.target import MIB
from tests.fuzz.targets import TARGETS

CACHE = Path(__file__).parents[2] / ".cache" / "fuzz"
MOST_MEMORY = 2048 * MIB


def fuzz(name: str, seconds: float, chance: random.Random) -> int:
    """The number of findings."""
    kept = CACHE / name
    kept.mkdir(parents=True, exist_ok=True)
    fuzzer = Fuzzer(TARGETS[name], chance, corpus=[path.read_bytes() for path in sorted(kept.iterdir())])
    before = len(fuzzer.corpus)
    started = time.process_time()
    fuzzer.run(seconds)
    for data in fuzzer.corpus[before:]:
        (kept / name_of(data)).write_bytes(data)
    for place, finding in fuzzer.findings.items():
        folder = CACHE / "findings"
        folder.mkdir(exist_ok=True)
        (folder / f"{name}-{name_of(finding.data)}").write_bytes(finding.data)
        print(f"{name}: {place}: {finding}", flush=True)
    used = time.process_time() - started
    ways = len(fuzzer.coverage.seen)
    print(
        f"{name}: {used:.0f} s, {fuzzer.runs} runs, {ways} ways, {len(fuzzer.findings)} findings", flush=True
    )
    return len(fuzzer.findings)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="all without one")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--chance", type=int, default=time.time_ns(), help="the seed of chance")
    given = parser.parse_args()
    bound_memory(MOST_MEMORY)
    chance = random.Random(given.chance)
    return 1 if sum(fuzz(name, given.seconds, chance) for name in given.targets or sorted(TARGETS)) else 0


if __name__ == "__main__":
    sys.exit(main())
