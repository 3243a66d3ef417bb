"""`./dev bench`: measures rows, prints a table, keeps the raw figures.

    ./dev bench                       every row
    ./dev bench sign mint             rows whose name begins so
    ./dev bench --against DIR         also DIR/spire-server and DIR/spire-agent, row by row on this machine
    ./dev bench --quick               short runs that only show that the rows work
    ./dev bench --list                names and titles
    ./dev bench --show                the table of what was measured before

Raw figures go to --out, by default benchmarks/results/latest.json, which the next run replaces: rows that it
did not measure stay. The load comes from a Go program in another process, over loopback.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import changing
import on_postgres
import registration
import signing
import starting
import table
import telemetry
import workload
from rows import Measurement, Row, chosen
from subject import CACHE, FINIAL, Programs, stock

ROWS = (
    *starting.ROWS,
    *changing.ROWS,
    *signing.ROWS,
    *registration.ROWS,
    *workload.ROWS,
    *on_postgres.ROWS,
    *telemetry.ROWS,
)
RESULTS = Path(__file__).parent / "results"


def main(arguments: list[str]) -> int:
    asked = parsed(arguments)
    as_installed()
    if asked.list:
        for row in ROWS:
            print(f"{row.name:20} {row.title}")
        return 0
    if asked.show:
        print(table.of(ROWS, json.loads(asked.out.read_text())))
        return 0
    rows = [row for row in chosen(ROWS, asked.rows) if not asked.exact or row.name in asked.rows]
    if not rows:
        print("bench: no such row; --list names them", file=sys.stderr)
        return 2
    programs = [FINIAL, *([stock(asked.against)] if asked.against else [])]
    if asked.only_stock:
        programs.remove(FINIAL)
    failed = measure_all(rows, programs, asked.quick, asked.out)
    print(table.of(ROWS, json.loads(asked.out.read_text())))
    return 1 if failed else 0


def as_installed() -> None:
    """What is measured has its bytecode compiled, as pip leaves it, whatever this shell or checkout is set to."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = str(CACHE / "bytecode")


def parsed(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev bench", description="Measures rows of docs/performance.md.")
    parser.add_argument("rows", nargs="*", metavar="ROW", help="first letters of names; without any: all")
    parser.add_argument("--against", type=Path, metavar="DIR", help="folder of stock programs to measure too")
    parser.add_argument(
        "--only-stock", action="store_true", help="with --against: Finial was measured before"
    )
    parser.add_argument("--quick", action="store_true", help="short runs that only show that the rows work")
    parser.add_argument("--exact", action="store_true", help="whole names of rows, not their first letters")
    parser.add_argument("--list", action="store_true", help="names and titles of the rows")
    parser.add_argument("--show", action="store_true", help="the table of what was measured before")
    parser.add_argument("--out", type=Path, default=RESULTS / "latest.json", metavar="FILE")
    return parser.parse_args(arguments)


def measure_all(rows: list[Row], programs: list[Programs], quick: bool, out: Path) -> bool:
    """Writes after each measurement: what was measured is kept. Returns: whether a row failed."""
    kept = json.loads(out.read_text()) if out.exists() else {}
    kept = {"machine": machine(), "rows": kept.get("rows", {})}
    failed = False
    for row in rows:
        for one in programs:
            if one.finial or row.stock:
                print(f"bench: {row.name} ({one.name})", file=sys.stderr, flush=True)
                try:
                    measured = one_row(row, one, quick)
                except (RuntimeError, OSError, subprocess.SubprocessError):
                    traceback.print_exc()
                    failed = True
                    continue
                kept["rows"].setdefault(row.name, {})[one.name] = measured
                out.parent.mkdir(parents=True, exist_ok=True)
                out.write_text(json.dumps(kept, indent=1) + "\n")
    return failed


def one_row(row: Row, programs: Programs, quick: bool) -> Measurement:
    before = os.getloadavg()[0]
    measured = row.measure(programs, quick)
    return {"at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", "load": [before, os.getloadavg()[0]], **measured}


def machine() -> dict[str, Any]:
    model = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    go = subprocess.run(["go", "version"], capture_output=True, text=True).stdout.split()
    return {
        "cpu": model[0] if model else platform.machine(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "go": go[2] if len(go) > 2 else "",
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
