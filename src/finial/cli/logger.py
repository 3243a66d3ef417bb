"""`logger get | set | reset`: what the server logs, changed while it runs."""

from __future__ import annotations

from dataclasses import dataclass

from finial.cli.command import Command
from finial.cli.console import Console
from finial.cli.flags import flag
from finial.cli.output import messages_json, read_format
from finial.cli.server_socket import ServerFlags, calling, server
from finial.errors import InvalidArgument
from finial.wire.pb.spire.api.server.logger.v1.logger_pb2 import (
    GetLoggerRequest,
    ResetLogLevelRequest,
    SetLogLevelRequest,
)
from finial.wire.pb.spire.api.types.logger_pb2 import WARN, Logger, LogLevel

LEVELS = ("panic", "fatal", "error", "warn", "info", "debug", "trace")


@dataclass(frozen=True, slots=True, kw_only=True)
class GetFlags(ServerFlags):
    output: str = flag("pretty", "Desired output format (pretty, json)", read=read_format)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetFlags(GetFlags):
    level: str = flag("", "The new level: panic, fatal, error, warn, info, debug or trace", choices=LEVELS)


async def get(flags: GetFlags, console: Console) -> int:
    async with server(flags) as api:
        with calling("error fetching logger"):
            logger = await api.logger.GetLogger(GetLoggerRequest())
    return show(logger, flags, console)


async def set_level(flags: SetFlags, console: Console) -> int:
    level = read_level(flags.level)
    async with server(flags) as api:
        with calling("failed to set log level"):
            logger = await api.logger.SetLogLevel(SetLogLevelRequest(new_level=level))
    return show(logger, flags, console)


async def reset(flags: GetFlags, console: Console) -> int:
    async with server(flags) as api:
        with calling("failed to reset log level"):
            logger = await api.logger.ResetLogLevel(ResetLogLevelRequest())
    return show(logger, flags, console)


def read_level(text: str) -> str:
    """The name of the level; any case, `warning` is `warn`. Raises: InvalidArgument, in SPIRE's words."""
    if not text:
        raise InvalidArgument("a value (-level) must be set")
    name = text.upper().replace("WARNING", "WARN")
    if name == "UNSPECIFIED" or name not in [known for known, _ in LogLevel.items()]:
        raise InvalidArgument(f'the value "{text}" is not a valid setting')
    return name


def show(logger: Logger, flags: GetFlags, console: Console) -> int:
    if flags.output == "json":
        console.out(messages_json([logger]))
        return 0
    console.out(f"Logger Level : {level_name(logger.current_level)}")
    console.out(f"Launch Level : {level_name(logger.launch_level)}\n")
    return 0


def level_name(level: LogLevel) -> str:
    """As it stands in the log."""
    return "warning" if level == WARN else LogLevel.Name(level).lower()


COMMANDS = (
    Command(
        "logger get",
        "Shows what the server logs.",
        GetFlags,
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
        GetFlags,
        reset,
        examples=("finial logger reset",),
    ),
)
