"""`logger get | set | reset`: what the server logs, changed while it runs."""

from __future__ import annotations

from dataclasses import dataclass

from finial.cli.command import Command
from finial.cli.console import Console
from finial.cli.flags import flag
from finial.cli.output import answer
from finial.cli.server_socket import AnswerFlags, calling, server
from finial.errors import InvalidArgument
from finial.wire.pb.spire.api.server.logger.v1.logger_pb2 import (
    GetLoggerRequest,
    ResetLogLevelRequest,
    SetLogLevelRequest,
)
from finial.wire.pb.spire.api.types.logger_pb2 import WARN, Logger, LogLevel

LEVELS = ("panic", "fatal", "error", "warn", "info", "debug", "trace")


@dataclass(frozen=True, slots=True, kw_only=True)
class SetFlags(AnswerFlags):
    level: str = flag("", "The new level: panic, fatal, error, warn, info, debug or trace", choices=LEVELS)


async def get(flags: AnswerFlags, console: Console) -> int:
    async with server(flags) as api:
        with calling("error fetching logger"):
            logger = await api.logger.GetLogger(GetLoggerRequest())
    return answer(console, flags.output, logger, shown(logger))


async def set_level(flags: SetFlags, console: Console) -> int:
    level = read_level(flags.level)
    async with server(flags) as api:
        with calling("failed to set log level"):
            logger = await api.logger.SetLogLevel(SetLogLevelRequest(new_level=level))
    return answer(console, flags.output, logger, shown(logger))


async def reset(flags: AnswerFlags, console: Console) -> int:
    async with server(flags) as api:
        with calling("failed to reset log level"):
            logger = await api.logger.ResetLogLevel(ResetLogLevelRequest())
    return answer(console, flags.output, logger, shown(logger))


def read_level(text: str) -> str:
    """The name of the level; any case, `warning` is `warn`. Raises: InvalidArgument, in SPIRE's words."""
    if not text:
        raise InvalidArgument("a value (-level) must be set")
    name = text.upper().replace("WARNING", "WARN")
    if name == "UNSPECIFIED" or name not in [known for known, _ in LogLevel.items()]:
        raise InvalidArgument(f'the value "{text}" is not a valid setting')
    return name


def shown(logger: Logger) -> list[str]:
    """The empty line is SPIRE's."""
    return [
        f"Logger Level : {level_name(logger.current_level)}",
        f"Launch Level : {level_name(logger.launch_level)}",
        "",
    ]


def level_name(level: LogLevel) -> str:
    """As it stands in the log."""
    return "warning" if level == WARN else LogLevel.Name(level).lower()


COMMANDS = (
    Command(
        "logger get",
        "Shows what the server logs.",
        AnswerFlags,
        get,
        examples=("finial logger get",),
    ),
    Command(
        "logger set",
        "Changes what the server logs, until it ends.",
        SetFlags,
        set_level,
        examples=("finial logger set -level debug",),
    ),
    Command(
        "logger reset",
        "Goes back to the level that the server was started with.",
        AnswerFlags,
        reset,
        examples=("finial logger reset",),
    ),
)
