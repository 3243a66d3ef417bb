"""The script for zsh: words, flags and what a server has, each with its description beside it.

It may be sourced, or stand as `_finial` in a folder of `$fpath`.
"""

from __future__ import annotations

from collections.abc import Iterator

from finial.cli import tree
from finial.cli.completion.table import Table, values

SCRIPT = r"""#compdef %(programs)s
# Completion of finial for zsh. Load it: source <(finial completion zsh)
typeset -gA _finial_words _finial_flags _finial_values
_finial_words=(
%(words)s
)
_finial_flags=(
%(flags)s
)
_finial_values=(
%(values)s
)
_finial_ask() {
    local program=finial line
    local -a asked
    [[ ${words[1]} == */finial && -x ${words[1]} ]] && program=${words[1]}
    for line in ${(f)"$($program completion candidates -- "${(@)words[1,CURRENT-1]}" "$1" 2>/dev/null </dev/null)"}; do
        asked+=("${${line%%%%$'\t'*}//:/\\:}${${(M)line%%%%$'\t'*}/$'\t'/:}")
    done
    _describe -V 'of the server' asked
}
_finial() {
    local at=${words[1]:t} flag= typed=$PREFIX
    local -i number
    local -a known
    for ((number = 2; number < CURRENT; number++)); do
        known=(${(f)_finial_words[$at]})
        (( ${known[(I)${(b)words[number]}:*]} )) || break
        at="$at ${words[number]}"
    done
    if [[ $PREFIX == -*=* ]]; then
        flag=${PREFIX%%%%=*}
        compset -P 1 '*='
    elif [[ ${words[CURRENT-1]} == -* && ${words[CURRENT-1]} != *=* ]]; then
        flag=${words[CURRENT-1]}
    fi
    flag=${${flag#-}#-}
    case ${flag:+${_finial_values[$at $flag]}} in
    FILE) _files ;;
    ANY) _message 'a value' ;;
    ASK) _finial_ask "$typed" ;;
    ?*) compadd -- ${(s: :)_finial_values[$at $flag]} ;;
    *)
        known=(${(f)_finial_words[$at]})
        (( $#known )) && _describe command known
        known=(${(f)_finial_flags[$at]})
        (( $#known )) && _describe -o flag known
        ;;
    esac
}
if [[ ${zsh_eval_context[-1]} == loadautofunc ]]; then
    _finial "$@"
else
    (( $+functions[compdef] )) || { autoload -Uz compinit && compinit -i }
    compdef _finial %(programs)s
fi
"""


def script(made: Table) -> str:
    return SCRIPT % {
        "words": "\n".join(_words(made)),
        "flags": "\n".join(_flags(made)),
        "values": "\n".join(_values(made)),
        "programs": " ".join(tree.PROGRAMS),
    }


def _words(made: Table) -> Iterator[str]:
    for path, words in sorted(made.words.items()):
        yield _row(path, [f"{word}:{help}" for word, help in words.items()])


def _flags(made: Table) -> Iterator[str]:
    for path, flags in sorted(made.flags.items()):
        if flags:
            yield _row(path, [f"-{one.name}:{one.help}" for one in flags])


def _values(made: Table) -> Iterator[str]:
    for path, flags in sorted(made.flags.items()):
        for one in flags:
            if offered := values(one):
                yield _row(f"{path} {one.name}", [offered])


def _row(key: str, lines: list[str]) -> str:
    return f"  {quoted(key)} {quoted(*lines)}"


def quoted(*lines: str) -> str:
    """As one word of zsh, each of the lines on one line."""
    text = "\n".join(" ".join(line.split()) for line in lines)
    return "'" + text.replace("'", "'\\''") + "'"
