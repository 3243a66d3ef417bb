"""The command line: one group of commands a file, loaded when it is called.

In: the words after the program's name. Out: an exit code. `finial`, `spire-server` and `spire-agent` are
one program under three names; by SPIRE's names it prints what SPIRE 1.15 prints and no more.
"""

from __future__ import annotations

import os
import sys
import warnings

from finial.cli.console import Console

UNKNOWN_COMMAND = 127


def main() -> None:
    """Entry point of the programs."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore", UserWarning)  # pyca's, of an odd certificate that some stranger sent
    program = os.path.basename(sys.argv[0])
    code = run(sys.argv[1:], Console(program=program if program.startswith("spire-") else "finial"))
    try:
        sys.stdout.flush()
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.exit(code)


def run(words: list[str], console: Console) -> int:
    """One command, from its words to its exit code."""
    from finial.cli.dispatch import dispatch

    try:
        return dispatch(words, console)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
