"""`finial completion candidates`: what a server has that the last word of a line may become.

In: the words of a line as a shell has them, quotes and all. Out: values, each with what it is. Rules: the
socket is that of the line, or where the command itself would look for it; half a second and two hundred values
at the most; whatever fails, nothing is offered. What a server says goes into a person's command line: only
values of characters that no shell treats specially are offered.
"""

from __future__ import annotations

import asyncio
import os
import re
import shlex
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from finial.cli import tree
from finial.cli.completion.listed import LISTS, Found
from finial.cli.flags import Declared, declared, split
from finial.cli.server_socket import ServerFlags, socket_path
from finial.errors import FinialError
from finial.wire.client import ServerApi

LIMIT = 0.5  # seconds for the server's answers
MOST = 200
SAFE = re.compile(r"[A-Za-z0-9._:/-]+")


@dataclass(frozen=True, slots=True)
class Question:
    refers_to: str
    begins: str
    flags: ServerFlags


async def ask(words: Sequence[str], environment: Mapping[str, str] = os.environ) -> list[Found]:
    """Sorted. A single one of a list that was not read to its end is not offered: a shell would put it in."""
    found: dict[str, str] = {}
    whole = False
    try:
        asked = question(words)
        if asked is not None:
            async with asyncio.timeout(LIMIT):
                whole = await _collect(asked, socket_path(asked.flags, environment), found)
    except (FinialError, OSError, TimeoutError):
        pass
    return sorted(found.items()) if whole or len(found) > 1 else []


async def _collect(asked: Question, path: str, found: dict[str, str]) -> bool:
    """Into `found`, so that what came is there when time is over. True: the list was read to its end."""
    async with ServerApi.at(path) as api, aclosing(LISTS[asked.refers_to](api)) as listed:
        async for value, told in listed:
            if value.startswith(asked.begins) and SAFE.fullmatch(value):
                found.setdefault(value, told if told.isprintable() else "")
            if len(found) == MOST:
                return False
    return True


def question(words: Sequence[str]) -> Question | None:
    """What is asked for by the last word; None if that is nothing that a server has. Raises: UsageError."""
    program, *typed = words or ("",)
    known = tree.PROGRAMS.get(os.path.basename(program), ())
    found = tree.find(os.path.basename(program), typed) if typed and typed[0] in known else None
    if found is None or not found[1] or not issubclass(found[0].flags, ServerFlags):
        return None
    given, asked, begins = _read(declared(found[0].flags), found[1])
    if asked is None or not asked.refers_to:
        return None
    flags = ServerFlags(socket_path=given.get("socket_path", ""), instance=given.get("instance", ""))
    return Question(asked.refers_to, begins, flags)


def _read(flags: list[Declared], arguments: Sequence[str]) -> tuple[dict[str, str], Declared | None, str]:
    """The values given so far, the flag that the last argument is the value of, and what there is of it."""
    known = {one.name: one for one in flags}
    *before, last = arguments
    given: dict[str, str] = {}
    waiting: Declared | None = None
    for word in before:
        if waiting is not None:
            given[waiting.field], waiting = expanded(word), None
            continue
        name, equals, text = split(word) if word.startswith("-") else ("", False, "")
        one = known.get(name)
        if one is not None and equals:
            given[one.field] = expanded(text)
        elif one is not None and one.kind != "bool":
            waiting = one
    if waiting is None and last.startswith("-"):
        name, equals, last = split(last)
        waiting = known.get(name) if equals else None
    return given, waiting, last.lstrip("'\"")


def expanded(word: str) -> str:
    """Near enough to what the shell makes of it: quotes, $NAME and ~."""
    try:
        plain = "".join(shlex.split(word))
    except ValueError:
        plain = word
    return os.path.expanduser(os.path.expandvars(plain))
