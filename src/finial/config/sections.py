"""Sections and options that the server's and the agent's files share: logging, health, profiling."""

from __future__ import annotations

from dataclasses import dataclass

from finial.config.options import option, refused
from finial.runtime.log import Format, Level

GO_PROFILER = refused("it is Go's profiler; Python programs are profiled with py-spy from outside")
WINDOWS = refused("named pipes exist on Windows only")
PQ_KEM = refused("the running ssl module cannot enforce post-quantum key exchange; it needs OpenSSL 3.5")
WIT = refused("WIT-SVIDs are not issued yet")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessOptions:
    """Logging and profiling of either program."""

    log_file: str = option("", "File the log is appended to; SIGUSR2 reopens it.", shown="stdout")
    log_level: Level = option(
        Level.INFO,
        "Least important level written: PANIC, FATAL, ERROR, WARN, INFO, DEBUG or TRACE.",
        parse=Level.parse,
        failure="could not start logger",
        shown="INFO",
    )
    log_format: Format = option(
        Format.DEFAULT,
        "`text` or `json`.",
        parse=Format.parse,
        failure="could not start logger",
        shown="text, times in whole seconds",
    )
    log_source_location: bool = option(False, "Adds file, line and function of the caller to each line.")
    profiling_enabled: bool = option(False, "Serves Go profiles.", status=GO_PROFILER)
    profiling_port: int = option(0, "Port of the profiler.", status=GO_PROFILER)
    profiling_freq: int = option(0, "How often profiles are written.", unit="seconds", status=GO_PROFILER)
    profiling_names: tuple[str, ...] = option((), "Profiles written.", status=GO_PROFILER)


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthChecks:
    """Section `health_checks`: an HTTP listener for probes."""

    listener_enabled: bool = option(False, "Serves the checks.")
    bind_address: str = option("localhost", "Address of the listener.")
    bind_port: str = option("80", "Port of the listener.")
    live_path: str = option("/live", "Path of the liveness check.")
    ready_path: str = option("/ready", "Path of the readiness check.")
