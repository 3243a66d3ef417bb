"""`server reload`: the running server takes its changed file, whole or not at all, and tells what differs.

Exit 0: the file is in force, or by a dry run could be. 1: it is refused, and nothing was changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from finial.cli.command import Command
from finial.cli.console import Console
from finial.cli.flags import flag
from finial.cli.output import messages_json
from finial.cli.server_socket import AnswerFlags, calling, server
from finial.config.reload import RESTART_OR_TAKE_BACK
from finial.errors import FailedPrecondition, FinialError, InvalidArgument
from finial.wire.pb.finial.configuration.v1.configuration_pb2 import Difference, ReloadRequest, ReloadResponse

AT_ONCE, RESTART = "at once", "needs a restart"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadFlags(AnswerFlags):
    dry_run: bool = flag(False, "If set, shows what a reload would do, and changes nothing", name="dryRun")


async def reload(flags: ReloadFlags, console: Console) -> int:
    """Raises: InvalidArgument for a file that cannot be used, FailedPrecondition for one that needs a restart."""
    async with server(flags) as api:
        with calling("cannot reload the configuration"):
            answer = await api.configuration.Reload(ReloadRequest(dry_run=flags.dry_run))
    refusal = refusal_of(answer)
    if flags.output == "json":
        console.out(messages_json([answer]))
    else:
        for line in lines(answer):
            console.out(line)
        if refusal is None:
            console.out(verdict(answer, dry_run=flags.dry_run))
    for warning in answer.warnings:
        console.err(f"warning: {warning}")
    if refusal is not None:
        raise refusal
    return 0


def lines(answer: ReloadResponse) -> Iterator[str]:
    """One for each difference: when it can be in force, the option, old and new value, where the file sets it."""
    width = max((len(when(one)) for one in answer.differences), default=0)
    for one in answer.differences:
        place = f"  ({one.place})" if one.place else ""
        yield f"{when(one):<{width}}  {one.option}: {one.old} -> {one.new}{place}"


def when(one: Difference) -> str:
    return RESTART if one.needs_restart else AT_ONCE


def verdict(answer: ReloadResponse, *, dry_run: bool) -> str:
    """Of a file that is not refused."""
    count = len(answer.differences)
    if not count:
        return "The file says what is in force: nothing to change."
    if dry_run:
        return f"Nothing was changed: a reload would make {changes(count)}."
    return f"Reloaded: {changes(count)} in force."


def refusal_of(answer: ReloadResponse) -> FinialError | None:
    if answer.problem:
        return InvalidArgument(f"the file cannot be used, nothing was changed: {answer.problem}")
    fixed = sum(one.needs_restart for one in answer.differences)
    if not fixed:
        return None
    count = len(answer.differences)
    return FailedPrecondition(
        f"nothing was changed: {fixed} of {changes(count)} {'needs' if fixed == 1 else 'need'} a restart",
        hint=RESTART_OR_TAKE_BACK,
    )


def changes(count: int) -> str:
    return f"{count} {'change' if count == 1 else 'changes'}"


COMMANDS = (
    Command(
        "server reload",
        "Has the running server take its changed file, whole or not at all, and shows what differs.",
        ReloadFlags,
        reload,
        examples=("finial server reload -dryRun", "finial server reload"),
    ),
)
