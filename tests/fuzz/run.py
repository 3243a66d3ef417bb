"""Fuzzes by hand, from the root of the checkout: python -m tests.fuzz.run [TARGET|FILE ...] --seconds 600

Seconds are of CPU, a target; FILE is one of targets/ and stands for all targets in it. What goes new ways is kept in
.cache/fuzz/<target> and taken up again the next time; findings go to .cache/fuzz/findings and are printed; one line of
.cache/fuzz/log tells what was run, for `report`. The exit code is 1 if there are findings.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from pathlib import Path

from tests.fuzz.engine import Fuzzer, bound_memory, name_of
from tests.fuzz.target import MIB
from tests.fuzz.targets import TARGETS

CACHE = Path(__file__).parents[2] / ".cache" / "fuzz"
LOG = CACHE / "log"
MOST_MEMORY = 2048 * MIB


def kept_of(name: str) -> list[bytes]:
    """Short ones first: of two that go the same way, the shorter one stays."""
    folder = CACHE / name
    return sorted((path.read_bytes() for path in folder.iterdir()), key=len) if folder.is_dir() else []


def keep(name: str, corpus: list[bytes]) -> None:
    """Exactly these."""
    folder = CACHE / name
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {name_of(data): data for data in corpus}
    for path in folder.iterdir():
        if path.name not in wanted:
            path.unlink()
    for file, data in wanted.items():
        (folder / file).write_bytes(data)


def report_findings(name: str, fuzzer: Fuzzer) -> None:
    folder = CACHE / "findings"
    folder.mkdir(exist_ok=True)
    for place, finding in fuzzer.findings.items():
        (folder / f"{name}-{name_of(finding.data)}").write_bytes(finding.data)
        print(f"{name}: {place}: {finding}", flush=True)


def fuzz(name: str, seconds: float, chance: random.Random) -> int:
    """The number of findings."""
    fuzzer = Fuzzer(TARGETS[name], chance, corpus=kept_of(name))
    started = time.process_time()
    fuzzer.run(seconds)
    used = time.process_time() - started
    keep(name, fuzzer.corpus)
    report_findings(name, fuzzer)
    told = {
        "target": name,
        "seconds": round(used, 1),
        "runs": fuzzer.runs,
        "ways": len(fuzzer.coverage.seen),
        "findings": sorted(fuzzer.findings),
    }
    print(json.dumps(told), flush=True)
    with LOG.open("a") as log:
        log.write(json.dumps(told) + "\n")
    return len(fuzzer.findings)


def chosen(given: list[str]) -> list[str]:
    if unknown := set(given) - TARGETS.keys() - {one.group for one in TARGETS.values()}:
        sys.exit(f"no such target: {', '.join(sorted(unknown))}")
    return sorted(name for name, one in TARGETS.items() if not given or {name, one.group} & set(given))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET|FILE", help="all without one")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--chance", type=int, default=time.time_ns(), help="the seed of chance")
    given = parser.parse_args()
    bound_memory(MOST_MEMORY)
    chance = random.Random(given.chance)
    return 1 if sum(fuzz(name, given.seconds, chance) for name in chosen(given.targets)) else 0


if __name__ == "__main__":
    sys.exit(main())
