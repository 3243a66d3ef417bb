"""A daemon's configuration for `run` and `validate`: a file and flags in, checked configuration out."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TypeVar

from finial.cli.console import Console
from finial.cli.flags import flag
from finial.config.load import COMMAND_LINE, Override
from finial.config.problems import ConfigError
from finial.errors import FinialError, NotFound

Config = TypeVar("Config")
Load = Callable[[bytes, str, Mapping[str, Override], Mapping[str, str] | None], Config]
NOT_OPTIONS = frozenset({"config", "expand_env"})


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonFlags:
    """What the server's and the agent's `run` and `validate` have in common; fields are named as options."""

    data_dir: str = flag("", "A directory the daemon can use for its data", name="dataDir")
    log_file: str = flag("", "File to write logs to", name="logFile")
    log_format: str = flag("", "Format of logs: text or json", name="logFormat", choices=("text", "json"))
    log_level: str = flag(
        "", "DEBUG, INFO, WARN or ERROR", name="logLevel", choices=("DEBUG", "INFO", "WARN", "ERROR")
    )
    log_source_location: bool = flag(
        False, "Include source file, line and function in logs", name="logSourceLocation"
    )
    trust_domain: str = flag("", "The trust domain that this daemon belongs to", name="trustDomain")
    socket_path: str = flag("", "Path to bind the API's Unix socket to", name="socketPath")
    expand_env: bool = flag(
        False, "Expand $VAR and ${VAR} in the file from the environment", name="expandEnv"
    )


def overrides(flags: DaemonFlags) -> dict[str, Override]:
    """What was given on the command line, by option."""
    given = ((one.name, getattr(flags, one.name), one.default) for one in fields(flags))
    return {name: value for name, value, default in given if name not in NOT_OPTIONS and value != default}


def load(flags: DaemonFlags, path: str, loader: Load[Config]) -> Config:
    """Raises: NotFound in SPIRE's words, ConfigError with every problem."""
    environment = dict(os.environ) if flags.expand_env else None
    return loader(read(path), path, overrides(flags), environment)


def read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        where = os.path.abspath(path)
        raise NotFound(
            f"could not find config file {where}: please use the -config flag",
            hint="`finial up` writes one that works into conf/ of its folder",
        ) from None
    except OSError as why:
        reason = (why.strerror or str(why)).lower()
        raise NotFound(f"unable to read configuration at {path}: {reason}") from why


def refuse(error: FinialError, console: Console, what: str = "") -> int:
    """A configuration that cannot be used, `what` in front of why. Returns: exit code 1."""
    if isinstance(error, ConfigError):
        tell_unknown_keys(error, console)
    console.err(what + told(error))
    console.hint(error.hint)
    return 1


def told(error: FinialError) -> str:
    """SPIRE's sentence, then a line with file, line and column for each problem of a file."""
    lines = error.message.split("\n")
    return "\n".join(line for line in lines if line.strip() != COMMAND_LINE.source)


def tell_unknown_keys(error: ConfigError, console: Console) -> None:
    """As SPIRE logs them before its error, on standard output."""
    from finial.runtime.clock import SystemClock
    from finial.runtime.log import Logger, Output

    logger = Logger(Output(console.stdout, now=SystemClock().now))
    for section, keys in error.unknown_keys.items():
        logger.error("Unknown configuration detected", keys=",".join(keys), section=section)
