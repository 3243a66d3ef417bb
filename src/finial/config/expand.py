"""`-expandEnv`: variables of the environment put into the whole text before it is parsed. Pure.

Rules of Go's `os.Expand`: `$NAME` and `${NAME}` are replaced, by nothing if unset; `$$`, `$1`, `$*` and the
like are one-character names; `${}` and an unclosed `${` vanish with what belongs to them; a `$` before
anything else stays.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

SPECIAL = r"[*#$@!?0-9-]"
PLAIN = rf"({SPECIAL})|([A-Za-z_][A-Za-z0-9_]*)"
REFERENCE = re.compile(rf"\$(?:\{{(?:({SPECIAL})\}}|([^}}]+)\}}|\}})|{PLAIN})", re.DOTALL)
UNCLOSED = re.compile(rf"\$(?:\{{|{PLAIN})")


def expand(text: str, environment: Mapping[str, str]) -> str:
    """SPIRE adds one rule to Go's: the name `$` stands for itself, so `$$` is how to write a plain `$`."""

    def value(match: re.Match[str]) -> str:
        name = next(filter(None, match.groups()), "")
        return "$" if name == "$" else environment.get(name, "")

    head, last, tail = text.rpartition("}")  # beyond the last one nobody looks for another
    return REFERENCE.sub(value, head + last) + UNCLOSED.sub(value, tail)
