"""`finial completion bash|zsh|fish`: a script that completes commands, flags and fixed values in a shell.

In: the declarations of every command. Out: one script that holds them as tables, for `finial` and for the
names that `finial link-names` makes; the shell starts no program while a person types.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from finial.cli import tree
from finial.cli.command import Command
from finial.cli.console import Console
from finial.cli.flags import Declared, UsageError, declared
from finial.cli.output import FORMATS, read_format

# A flag whose value is a file or a folder, by the end of its name.
FILES = ("path", "file", "write", "data", "dir", "config", "bundle")
BASH = """\
# Completion of finial for bash. Load it: source <(finial completion bash)
_finial_words() {{
    case "$1" in
{words}
    esac
}}
_finial_values() {{
    case "$1" in
{values}
    esac
}}
_finial() {{
    local current="${{COMP_WORDS[COMP_CWORD]}}" previous="${{COMP_WORDS[COMP_CWORD-1]}}"
    local path="${{COMP_WORDS[0]##*/}}" number word values
    for ((number = 1; number < COMP_CWORD; number++)); do
        word="${{COMP_WORDS[number]}}"
        case "$word" in -*) break ;; esac
        case " $(_finial_words "$path") " in *" $word "*) path="$path $word" ;; *) break ;; esac
    done
    COMPREPLY=()
    case "$previous" in
    -*)
        values="$(_finial_values "$path ${{previous#-}}")"
        case "$values" in
        FILE)
            local IFS=$'\\n'
            compopt -o filenames 2>/dev/null
            COMPREPLY=($(compgen -f -- "$current"))
            return ;;
        ANY) return ;;
        ?*) COMPREPLY=($(compgen -W "$values" -- "$current")); return ;;
        esac
        ;;
    esac
    COMPREPLY=($(compgen -W "$(_finial_words "$path")" -- "$current"))
}}
complete -F _finial {programs}
"""
ZSH = """\
#compdef {programs}
# Completion of finial for zsh. Load it: source <(finial completion zsh)
autoload -U +X compinit && compinit -u
autoload -U +X bashcompinit && bashcompinit
"""
FISH = """\
# Completion of finial for fish. Load it: finial completion fish | source
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
"""


@dataclass(frozen=True, slots=True)
class CompletionFlags:
    pass


@dataclass(slots=True)
class Table:
    """`words`: by what was typed so far, what may follow, each with a word of help. `flags`: by a command."""

    words: dict[str, dict[str, str]] = field(default_factory=dict)
    flags: dict[str, list[Declared]] = field(default_factory=dict)


async def completion(_: CompletionFlags, console: Console) -> int:
    shells = {"bash": bash, "zsh": zsh, "fish": fish}
    if len(console.arguments) != 1 or console.arguments[0] not in shells:
        raise UsageError(
            f"completion wants the name of a shell: {', '.join(shells)}",
            hint="source <(finial completion bash)",
        )
    console.out(shells[console.arguments[0]](table()), end="")
    return 0


def table() -> Table:
    """Of every program, its name in front."""
    made = Table()
    for program, groups in tree.PROGRAMS.items():
        for first, (_, summary) in groups.items():
            made.words.setdefault(program, {})[first] = summary
            for command in tree.commands(program, first):
                _add(made, program, command)
    return made


def _add(made: Table, program: str, command: Command) -> None:
    for name in tree.aliases(program, command):
        at, *parts = program, *name.split()
        for depth, part in enumerate(parts):
            help = command.summary if depth == len(parts) - 1 else ""
            made.words.setdefault(at, {}).setdefault(part, help)
            at = f"{at} {part}"
        made.flags[at] = declared(command.flags)


def bash(made: Table) -> str:
    return BASH.format(
        words="\n".join(_words(made)), values="\n".join(_values(made)), programs=" ".join(tree.PROGRAMS)
    )


def zsh(made: Table) -> str:
    """By zsh's own emulation of bash's completion."""
    return ZSH.format(programs=" ".join(tree.PROGRAMS)) + bash(made)


def _words(made: Table) -> Iterator[str]:
    for path in sorted(made.words.keys() | made.flags.keys()):
        flags = [f"-{one.name}" for one in made.flags.get(path, ())]
        yield f'    "{path}") echo "{" ".join([*made.words.get(path, ()), *flags])}" ;;'


def _values(made: Table) -> Iterator[str]:
    """`FILE` for the name of a file, `ANY` for text that cannot be offered; a boolean flag has no value."""
    for path, flags in sorted(made.flags.items()):
        for one in flags:
            if one.kind != "bool":
                shown = " ".join(choices(one)) or ("FILE" if is_file(one) else "ANY")
                yield f'    "{path} {one.name}"|"{path} -{one.name}") echo "{shown}" ;;'


def fish(made: Table) -> str:
    return FISH + "".join(f"{line}\n" for line in _fish(made))


def _fish(made: Table) -> Iterator[str]:
    for program in tree.PROGRAMS:
        yield f"complete -c {program} -f"
    for path, words in sorted(made.words.items()):
        for word, help in words.items():
            yield f"complete -c {path.split()[0]} -n '__finial_at \"{path}\"' -a {word} -d {quoted(help)}"
    for path, flags in sorted(made.flags.items()):
        for one in flags:
            value = "" if one.kind == "bool" else " -r -F" if is_file(one) and not choices(one) else " -x"
            offered = f" -a {quoted(' '.join(choices(one)))}" if choices(one) else ""
            at = f"complete -c {path.split()[0]} -n '__finial_at \"{path}\"'"
            yield f"{at} -o {one.name}{value}{offered} -d {quoted(one.help)}"


def quoted(text: str) -> str:
    """For fish, on one line."""
    escaped = " ".join(text.split()).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def choices(one: Declared) -> tuple[str, ...]:
    return one.choices or (FORMATS if one.read is read_format else ())


def is_file(one: Declared) -> bool:
    return one.name.lower().endswith(FILES)


COMMANDS = (
    Command(
        "completion",
        "Prints a script that completes commands, flags and values in bash, zsh or fish.",
        CompletionFlags,
        completion,
        examples=(
            "finial completion bash > ~/.local/share/bash-completion/completions/finial",
            "finial completion zsh > ~/.zfunc/_finial",
            "finial completion fish > ~/.config/fish/completions/finial.fish",
        ),
        takes_arguments=True,
    ),
)
