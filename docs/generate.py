"""Writes the generated pages of docs/reference from the declarations in the code.

python docs/generate.py            writes them
python docs/generate.py --check    writes nothing; exit 1 if a page is not what would be written
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from finial.cli import flags, tree
from finial.cli.command import Command
from finial.config import reference
from finial.runtime.metrics import absent, catalogue
from finial.runtime.metrics.catalogue import Described
from finial.runtime.metrics.registry import MAX_SERIES

FOLDER = Path(__file__).parent / "reference"
SPIRE_NAMES = ("spire-server", "spire-agent")
HEAD = """\
# Command reference

Written by `docs/generate.py` from the declarations in `src/finial/cli`; do not edit.

`finial` has every command. `finial link-names DIR` also makes `spire-server` and `spire-agent`, which print
what SPIRE's programs print and no more; by its own name Finial adds hints to errors.

Flags are read as SPIRE reads them: `-flag value`, `--flag value`, `-flag=value` and `--flag=value` are one; a
flag without a value is switched off by `-flag=false`; flags end at the first argument that is none, or at
`--`. `-h` shows a command's help.

Results go to standard output, everything else to standard error. Exit codes: 0 done, 1 an error, 127 no such
command, 130 interrupted; where a command has others, its help says so.
"""
METRICS_HEAD = f"""\
# Metrics

Written by `docs/generate.py` from `src/finial/runtime/metrics/catalogue.py`; do not edit.

SPIRE's names stand here as Prometheus shows them but for their beginning: `spire_server_`, `spire_agent_` or
`MetricPrefix`. Those that begin with `finial_` are as they stand. `host` and `trust_domain` are on each, as
[configured](configuration.md).

A *call* is two metrics: a counter, and at the same name with `_elapsed_time` a summary of milliseconds. Its `status` is
gRPC's name of how it ended: `OK`, `NotFound`. Finial's own follow Prometheus: seconds, `_total`, histograms. A name ending
in `*` is one for each method. `spiffe_id` is there with `SpiffeIdLabel` alone. A metric has {MAX_SERIES:,} series at the
most; further ones are told as `overflow`. What did not happen yet has no series.
"""


def pages() -> dict[Path, str]:
    return {
        FOLDER / "commands.md": commands(),
        FOLDER / "configuration.md": reference.page(),
        FOLDER / "metrics.md": metrics(),
    }


def metrics() -> str:
    parts = [METRICS_HEAD]
    for title, of in (("Both", catalogue.BOTH), ("Server", catalogue.SERVER), ("Agent", catalogue.AGENT)):
        for whose, ours in (("SPIRE's", False), ("Finial's own", True)):
            parts.append(
                f"\n## {title}, {whose}\n\n| Metric | Type | Labels | Meaning |\n|---|---|---|---|\n"
            )
            parts += (metric(one) for one in of if one.key.startswith("finial.") is ours)
    for title, missing in (("server", absent.SERVER), ("agent", absent.AGENT)):
        parts.append(f"\n## SPIRE's that are not here: {title}\n\n| Metric | Why not |\n|---|---|\n")
        parts += (f"| `{name}{'*' * name.endswith('_')}` | It {why}. |\n" for name, why in missing.items())
    return "".join(parts)


def metric(one: Described) -> str:
    kind = "call" if one.calls else one.kind.value
    labels = ", ".join(f"`{label}`" for label in one.labels)
    meaning = one.meaning.replace(": {name}", "")
    return f"| `{one.key.replace('.', '_')}` | {kind} | {labels} | {meaning} |\n"


def commands() -> str:
    names = spire_names()
    parts = [HEAD, "".join(overview())]
    for first, (_, summary) in tree.OWN.items():
        group = tree.commands("finial", first)
        if [one.path for one in group] != [first]:
            parts.append(f"## `finial {first}`\n\n{summary}.\n")
        parts += (section(one, names.get(one.path, "")) for one in group)
    return "\n".join(parts)


def overview() -> Iterator[str]:
    yield "| Command | What it does |\n|---|---|\n"
    for first, (_, summary) in tree.OWN.items():
        yield f"| [`finial {first}`](#finial-{first}) | {summary} |\n"


def spire_names() -> dict[str, str]:
    """By path: what is typed for it by a name of SPIRE's."""
    return {
        command.path: f"{program} {tree.typed(program, command)}"
        for program in SPIRE_NAMES
        for first in tree.PROGRAMS[program]
        for command in tree.commands(program, first)
    }


def section(command: Command, spire_name: str) -> str:
    level = "###" if " " in command.path else "##"
    text = f"{level} `finial {command.path}`\n\n{command.summary}"
    if spire_name:
        text += f" In SPIRE: `{spire_name}`."
    text += "\n\n```console\n" + "".join(f"$ {one}\n" for one in command.examples) + "```\n"
    rows = [row(one) for one in flags.declared(command.flags)]
    if rows:
        text += "\n| Flag | Value | Default | Meaning |\n|---|---|---|---|\n" + "".join(rows)
    return text


def row(one: flags.Declared) -> str:
    value = {"bool": "", "int": "number", "duration": "duration", "list": "text, repeatable"}.get(
        one.kind, "text"
    )
    default = f"`{flags.shown(one.default)}`" if one.has_default else ""
    meaning = one.help.rstrip(".").replace("|", "\\|")
    return f"| `-{one.name}` | {value} | {default} | {meaning}. |\n"


def main(arguments: list[str]) -> int:
    stale = {path: text for path, text in pages().items() if not path.exists() or path.read_text() != text}
    check = "--check" in arguments
    for path, text in stale.items():
        if not check:
            path.write_text(text)
        sys.stdout.write(f"{path.relative_to(FOLDER.parents[1])} {'is stale' if check else 'written'}\n")
    return 1 if stale and check else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
