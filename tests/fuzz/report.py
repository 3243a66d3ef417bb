"""What was fuzzed, from .cache/fuzz, as tables for docs/fuzzing.md: python -m tests.fuzz.report {runs|reach|missed}

`runs`: from the log, the sums of each target. `reach`: all seeds and kept inputs are run once more; of each module that
a target reads, the lines in functions and how many of them were reached. `missed`: the lines that were not.
"""

from __future__ import annotations

import argparse
import dis
import inspect
import json
import warnings
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import CodeType

from tests.fuzz.engine import PACKAGE, Coverage
from tests.fuzz.run import LOG, kept_of
from tests.fuzz.target import TARGETS, Target
from tests.fuzz.targets import TARGETS as FILLED

Lines = dict[str, set[int]]  # by module below src/finial


def runs() -> Iterator[str]:
    """One row a target, and one for all."""
    seconds: dict[str, float] = defaultdict(float)
    count: dict[str, int] = defaultdict(int)
    ways: dict[str, int] = {}
    for line in LOG.read_text().splitlines():
        told = json.loads(line)
        name = told["target"]
        seconds[name] += told["seconds"]
        count[name] += told["runs"]
        ways[name] = told["ways"]
    yield "| File | Target | Minutes of CPU | Runs | Ways |\n|---|---|---|---|---|"
    for name in sorted(seconds.keys() & FILLED.keys(), key=lambda name: (FILLED[name].group, name)):
        minutes = f"{seconds[name] / 60:.1f}"
        yield f"| {FILLED[name].group} | `{name}` | {minutes} | {count[name]:,} | {ways[name]:,} |"
    yield f"| all | | {sum(seconds.values()) / 60:.0f} | {sum(count.values()):,} | |"


def lines_of(module: str) -> set[int]:
    """All lines in functions; those of definitions are run by importing it."""
    path = Path(PACKAGE) / module
    return set(_lines(compile(path.read_text(), str(path), "exec"), inside=False))


def _lines(code: CodeType, *, inside: bool) -> Iterator[int]:
    if inside:
        found = {one.positions.lineno for one in dis.get_instructions(code) if one.positions} - {None}
        yield from (
            line for line in found if line is not None and (line != code.co_firstlineno or len(found) == 1)
        )
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            function = bool(inner.co_flags & inspect.CO_NEWLOCALS)
            yield from _lines(inner, inside=function)


def reached() -> Lines:
    found: Lines = defaultdict(set)
    for target in TARGETS.values():
        for code, _, line in ways_of(target):
            found[str(Path(code.co_filename).relative_to(PACKAGE))].add(line)
    return found


def ways_of(target: Target) -> set[tuple[CodeType, int, int]]:
    coverage = Coverage()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for data in (*target.seeds(), *kept_of(target.name)):
            with coverage.watched():
                target.attempt(data)
            coverage.grew()
        target.end()
    return coverage.seen


def reach() -> Iterator[str]:
    found = reached()
    yield "| Module | Lines | Reached | Targets |\n|---|---|---|---|"
    for module, targets in sorted(readers().items()):
        lines = lines_of(module)
        share = 100 * len(lines & found[module]) / len(lines)
        yield f"| `{module}` | {len(lines)} | {share:.0f} % | {', '.join(f'`{one}`' for one in targets)} |"


def missed() -> Iterator[str]:
    found = reached()
    for module in sorted(readers()):
        source = (Path(PACKAGE) / module).read_text().splitlines()
        for line in sorted(lines_of(module) - found[module]):
            yield f"{module}:{line}: {source[line - 1].strip()}"


def readers() -> dict[str, list[str]]:
    """The targets of each module."""
    found: dict[str, list[str]] = defaultdict(list)
    for name in sorted(FILLED):
        for module in FILLED[name].reads:
            found[module].append(name)
    return found


def main() -> None:
    tables = {"runs": runs, "reach": reach, "missed": missed}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", choices=tables)
    print("\n".join(tables[parser.parse_args().table]()))


if __name__ == "__main__":
    main()
