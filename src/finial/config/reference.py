"""The page docs/reference/configuration.md, written from the declarations: `python -m finial.config.reference`.

A test compares the page with what this prints, so no option is without its line.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from datetime import timedelta

from finial.config.agent import AgentFile
from finial.config.builtin import AGENT_PLUGINS, SERVER_PLUGINS, PluginKind
from finial.config.datastore import DataStoreOptions
from finial.config.durations import format_duration
from finial.config.options import WORKS, Kind, Option, Standing, Status, options_of
from finial.config.plugins import PluginBlock
from finial.config.server import ServerFile

HEAD = """\
# Configuration reference

Written by `python -m finial.config.reference` from the declarations in `src/finial/config`; do not edit.

The files are SPIRE's: HCL 1, or JSON if the first character is `{`. Keys match in any case; durations are
Go's (`1h30m`, `100ms`). What the command line sets wins over the file, and the file over the defaults below;
an empty text is as if the option were not there. With `-expandEnv`, `$NAME` and `${NAME}` are replaced in
the whole text before it is read, and `$$` is a plain `$`.

**works**: the option has its effect. **accepted**: it may be set, has no effect, and the log says so at
start; its purpose is served otherwise. **refused**: setting it to anything but its default is an error at
start, with the reason given here. An unknown key is an error everywhere, with file, line and column.
"""
TABLE_HEAD = "| Option | Type | Default | Status | Meaning |\n|---|---|---|---|---|\n"


def page() -> str:
    parts = [HEAD]
    parts += sections("Server", "server.conf", ServerFile)
    parts.append("### Plugins of the server\n\n" + plugin_table(SERVER_PLUGINS))
    parts += sections("Agent", "agent.conf", AgentFile)
    parts.append("### Plugins of the agent\n\n" + plugin_table(AGENT_PLUGINS))
    parts.append('## Plugins\n\nIn `plugins`, each as `TYPE "name" { .. }`:\n\n' + table(PluginBlock, WORKS))
    parts.append('### `DataStore "sql"`: `plugin_data`\n\n' + table(DataStoreOptions, WORKS))
    return "\n".join(parts)


def plugin_table(kinds: Mapping[str, PluginKind]) -> str:
    """Every plugin of SPIRE and of ours, with how many of its kind there may be."""
    lines = ["| Plugin | How many of the kind | Status |\n|---|---|---|\n"]
    for kind_name, kind in kinds.items():
        wanted = "any number" if (kind.least, kind.most) == (0, None) else kind.wanted
        for name, status in kind.names.items():
            lines.append(f'| `{kind_name} "{name}"` | {wanted} | {told(status)} |\n')
    return "".join(lines)


def told(status: Status) -> str:
    return f"{status.standing}: {status.reason}" if status.reason else str(status.standing)


def sections(title: str, file: str, config: type) -> Iterator[str]:
    yield f"## {title}: `{file}`\n\n" + table(config, WORKS)
    for one in options_of(config).values():
        yield from blocks_below(one, one.name, WORKS)


def blocks_below(one: Option, path: str, above: Status) -> Iterator[str]:
    """A table for each block, depth first. What is inside a refused block is refused."""
    if one.block is None or not options_of(one.block):
        return
    status = above if above.standing is Standing.REFUSED else one.declaration.status
    shown = {Kind.LABELLED: f'{path} "NAME"', Kind.BLOCKS: f"{path} (each)"}.get(one.kind, path)
    yield f"### `{shown}`\n\n" + table(one.block, status)
    for inner in options_of(one.block).values():
        yield from blocks_below(inner, f"{path}.{inner.name}", status)


def table(config: type, above: Status) -> str:
    return TABLE_HEAD + "".join(row(one, above) for one in options_of(config).values())


def row(one: Option, above: Status) -> str:
    status = above if above.standing is Standing.REFUSED else one.declaration.status
    kind = f"{one.kind.value}, {one.declaration.unit}" if one.declaration.unit else one.kind.value
    cells = [f"`{one.name}`", kind, default(one), told(status), one.declaration.help]
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


def default(one: Option) -> str:
    if one.declaration.required:
        return "required"
    if one.declaration.shown:
        return one.declaration.shown
    if one.kind in (Kind.BLOCK, Kind.RAW, Kind.BLOCKS, Kind.LABELLED):
        return "see below" if one.kind is Kind.BLOCK and one.default is not None else "none"
    return f"`{written(one.default)}`" if one.default not in (None, "", ()) else "unset"


def written(value: object) -> str:
    """As it would be written in a file."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, Mapping):
        return "{}"
    return str(value)


if __name__ == "__main__":
    sys.stdout.write(page())
