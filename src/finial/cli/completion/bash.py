"""The script for bash, 3.2 and later: no helpers of the package bash-completion are wanted.

Rules: bash takes a word apart at `=` and `:`, which stand in IDs, and puts in what is after the last of them.
What a server answered is compared as text and never given to `compgen -W`, which would expand it.
"""

from __future__ import annotations

from collections.abc import Iterator

from finial.cli import tree
from finial.cli.completion.table import Table, values

SCRIPT = r"""# Completion of finial for bash. Load it: source <(finial completion bash)
_finial_words() {
    case "$1" in
%(words)s
    esac
}
_finial_values() {
    case "$1" in
%(values)s
    esac
}
# Sets typed: the words as a person sees them.
_finial_typed() {
    local word place=0 open=
    typed=()
    for word in "${COMP_WORDS[@]:0:COMP_CWORD+1}"; do
        case "$word" in
        *[!:=]* | "") [ -n "$open" ] || place=${#typed[@]}; open= ;;
        *) open=1 ;;
        esac
        typed[place]="${typed[place]}$word"
    done
}
# $1: what stands before the value in its word; values of which the beginning fits follow.
_finial_offer() {
    local whole="$1" left value
    shift
    case "${COMP_WORDS[COMP_CWORD]}" in
    *[!:=]* | "") left="${current%%"${COMP_WORDS[COMP_CWORD]}"}" ;;
    *) left="$current" ;;
    esac
    for value in "$@"; do
        value="$whole$value"
        case "$value" in "$current"*) COMPREPLY+=("${value#"$left"}") ;; esac
    done
}
_finial_ask() {
    local program=finial line
    case "${typed[0]}" in */finial) [ -x "${typed[0]}" ] && program="${typed[0]}" ;; esac
    asked=()
    while IFS= read -r line; do
        asked+=("${line%%%%$'\t'*}")
    done < <("$program" completion candidates -- "${typed[@]}" 2>/dev/null </dev/null)
}
_finial() {
    local IFS=$' \t\n' typed asked path number word current flag= before=
    _finial_typed
    path="${typed[0]##*/}"
    for ((number = 1; number < ${#typed[@]} - 1; number++)); do
        word="${typed[number]}"
        case "$word" in -*) break ;; esac
        case " $(_finial_words "$path") " in *" $word "*) path="$path $word" ;; *) break ;; esac
    done
    COMPREPLY=()
    current="${typed[${#typed[@]}-1]}"
    case "$current" in
    -*=*) flag="${current%%%%=*}" before="${current%%%%=*}=" ;;
    *) case "${typed[${#typed[@]}-2]}" in -*=*) ;; -*) flag="${typed[${#typed[@]}-2]}" ;; esac ;;
    esac
    flag="${flag#-}"
    word="$(_finial_values "$path ${flag#-}")"
    case "${flag:+$word}" in
    FILE)
        IFS=$'\n'
        compopt -o filenames 2>/dev/null
        COMPREPLY=($(compgen -f -- "${current#"$before"}"))
        return ;;
    ANY) return ;;
    ASK) _finial_ask; _finial_offer "$before" "${asked[@]}"; return ;;
    ?*) _finial_offer "$before" $word; return ;;
    esac
    _finial_offer "" $(_finial_words "$path")
}
complete -F _finial %(programs)s
"""


def script(made: Table) -> str:
    return SCRIPT % {
        "words": "\n".join(_words(made)),
        "values": "\n".join(_values(made)),
        "programs": " ".join(tree.PROGRAMS),
    }


def _words(made: Table) -> Iterator[str]:
    for path in sorted(made.words.keys() | made.flags.keys()):
        flags = [f"-{one.name}" for one in made.flags.get(path, ())]
        yield f'    "{path}") echo "{" ".join([*made.words.get(path, ()), *flags])}" ;;'


def _values(made: Table) -> Iterator[str]:
    for path, flags in sorted(made.flags.items()):
        for one in flags:
            if offered := values(one):
                yield f'    "{path} {one.name}") echo "{offered}" ;;'
