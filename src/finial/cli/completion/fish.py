"""The script for fish: one `complete` a word and a flag, each with its description."""

from __future__ import annotations

from collections.abc import Iterator

from finial.cli import tree
from finial.cli.completion.table import ASK, FILE, Table, choices, values
from finial.cli.flags import Declared

HEAD = r"""# Completion of finial for fish. Load it: finial completion fish | source
function __finial_at
    set -l typed (commandline -opc)
    set typed[1] (string replace -r '.*/' '' -- $typed[1])
    set -l path
    for word in $typed
        string match -q -- '-*' $word; and break
        set -a path $word
    end
    test "$path" = "$argv[1]"
end
function __finial_ask
    set -l typed (commandline -opc)
    set -l program finial
    string match -q -- '*/finial' $typed[1]; and test -x $typed[1]; and set program $typed[1]
    $program completion candidates -- $typed (commandline -ct) 2>/dev/null </dev/null
end
"""


def script(made: Table) -> str:
    return HEAD + "".join(f"{line}\n" for line in _lines(made))


def _lines(made: Table) -> Iterator[str]:
    for program in tree.PROGRAMS:
        yield f"complete -c {program} -f"
    for path, words in sorted(made.words.items()):
        for word, help in words.items():
            yield f"{_at(path)} -a {word} -d {quoted(help)}"
    for path, flags in sorted(made.flags.items()):
        for one in flags:
            yield f"{_at(path)} -o {one.name}{_value(one)} -d {quoted(one.help)}"


def _at(path: str) -> str:
    return f"complete -c {path.split()[0]} -n '__finial_at \"{path}\"'"


def _value(one: Declared) -> str:
    offered = values(one)
    if offered is None:
        return ""
    if offered == FILE:
        return " -r -F"
    if offered == ASK:
        return " -x -a '(__finial_ask)'"
    return f" -x -a {quoted(' '.join(choices(one)))}" if choices(one) else " -x"


def quoted(text: str) -> str:
    """On one line."""
    escaped = " ".join(text.split()).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
