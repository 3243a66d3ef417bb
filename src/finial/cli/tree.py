"""Which commands each program has, and the module that holds them; a module is imported when needed.

finial          all of it; `finial agent` joins the server's view of agents and the agent's own verbs
spire-server    SPIRE's verbs of the server, under the names of `finial link-names`
spire-agent     SPIRE's verbs of the agent
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from types import MappingProxyType

from finial.cli.command import Command

# First word -> (modules with its commands, one line of help).
SERVER = MappingProxyType(
    {
        "run": (("server",), "Runs the server"),
        "validate": (("server",), "Validates a server configuration file"),
        "healthcheck": (("server",), "Determines whether the server is healthy"),
        "entry": (("entry",), "Registration entries: create, update, show, count, delete"),
        "agent": (("agents", "purge"), "Attested agents: list, show, count, evict, ban, purge"),
        "bundle": (("bundle", "federated"), "Trust bundles, this server's and others'"),
        "federation": (("federation",), "Relationships: list, show, create, update, delete, refresh"),
        "token": (("token",), "Join tokens"),
        "x509": (("mint",), "Mints X.509-SVIDs"),
        "jwt": (("mint",), "Mints JWT-SVIDs"),
        "localauthority": (("localauthority",), "The server's own authorities, by hand"),
        "upstreamauthority": (("upstreamauthority",), "The authority above the server's own"),
        "logger": (("logger",), "What the server logs"),
        "debug": (("debug",), "Facts about the running server"),
    }
)
AGENT = MappingProxyType(
    {
        "run": (("agent",), "Runs the agent"),
        "validate": (("agent",), "Validates an agent configuration file"),
        "healthcheck": (("agent",), "Determines whether the agent is healthy"),
        "api": (("api",), "The Workload API: fetch, validate, watch"),
    }
)
OWN = MappingProxyType(
    {
        "up": (("lab",), "Starts a whole trust domain on this machine"),
        "status": (("lab",), "Shows the trust domain that runs on this machine"),
        "verify": (("lab",), "Fetches, calls and is denied: proves that it works"),
        "logs": (("lab_logs",), "Shows the logs of its processes"),
        "down": (("lab",), "Ends it and leaves nothing behind"),
        "explain": (("explain",), "Says why a process has no identity, and what to do"),
        "doctor": (("doctor",), "Looks at what this machine can and cannot do"),
        "console": (("web_console",), "Serves the page on which people see a trust domain"),
        "lab": (("lab",), "The same by the verbs fresh-install, setup-clusters, verify-setup"),
        "server": (("server", "reload"), "The server: run, validate, reload, healthcheck"),
        "agent": (
            ("agent", "api", "agents", "purge"),
            "The agent: run, validate, healthcheck, api; list, show, count, evict, ban, purge",
        ),
        "entry": (("entry",), "Registration entries: create, update, show, count, delete"),
        "bundle": (("bundle", "federated"), "Trust bundles: show, list, set, count, delete"),
        "federation": (("federation",), "Relationships: list, show, create, update, delete, refresh"),
        "token": (("token",), "Join tokens"),
        "x509": (("mint",), "Mints X.509-SVIDs"),
        "jwt": (("mint",), "Mints JWT-SVIDs"),
        "localauthority": (
            ("localauthority",),
            "The server's own authorities: show, prepare, activate, taint, revoke",
        ),
        "upstreamauthority": (("upstreamauthority",), "The authority above the server's own: taint, revoke"),
        "logger": (("logger",), "What the server logs: get, set, reset"),
        "audit": (("audit",), "The audit log: show, verify"),
        "debug": (("debug",), "Facts about the running server"),
        "migrate": (("migrate",), "A server's database: status, hand-back to a stock server"),
        "link-names": (("links",), "Puts spire-server and spire-agent into a folder"),
        "completion": (("completion",), "Completes what is typed in bash, zsh or fish"),
        "man": (("man",), "Writes manual pages"),
        "version": (("version",), "Prints the version"),
    }
)
PROGRAMS = MappingProxyType({"spire-server": SERVER, "spire-agent": AGENT, "finial": OWN})


def commands(program: str, first: str) -> list[Command]:
    """The commands of `program` that begin with this word, as they are typed there."""
    modules, _ = PROGRAMS[program][first]
    mine = [one for module in modules for one in _commands_of(module, program, first)]
    return sorted(mine, key=lambda one: min(aliases(program, one)))


def _commands_of(module: str, program: str, first: str) -> list[Command]:
    found: Iterable[Command] = import_module(f"finial.cli.{module}").COMMANDS
    return [one for one in found if typed(program, one).split()[0] == first]


def group(program: str, words: list[str]) -> dict[str, Command]:
    """The commands that begin with as many of the words as any, by what is typed after those."""
    found = {typed(program, one): one for one in commands(program, words[0])}
    depth = 1
    while any(name.split()[: depth + 1] == words[: depth + 1] for name in found):
        depth += 1
    return {
        " ".join(name.split()[depth:]): command
        for name, command in found.items()
        if name.split()[:depth] == words[:depth]
    }


def typed(program: str, command: Command) -> str:
    """`finial server run` is `run` of spire-server; `finial agent api fetch` is `api fetch` of spire-agent."""
    if program == "spire-server":
        return command.path.removeprefix("server ")
    if program == "spire-agent":
        own = ("agent run", "agent validate", "agent healthcheck", "agent api")
        return command.path.removeprefix("agent ") if command.path.startswith(own) else command.path
    return command.path


def find(program: str, words: list[str]) -> tuple[Command, list[str]] | None:
    """The command with the longest path that the words begin with, and the words after it.

    Commands that begin alike are of one module, so the modules after the one that knows it stay unloaded.
    """
    modules, _ = PROGRAMS[program][words[0]]
    for module in modules:
        found = _longest(_commands_of(module, program, words[0]), program, words)
        if found is not None:
            return found
    return None


def _longest(candidates: list[Command], program: str, words: list[str]) -> tuple[Command, list[str]] | None:
    best: tuple[Command, list[str]] | None = None
    length = 0
    for command in candidates:
        for path in aliases(program, command):
            parts = path.split()
            if len(parts) > length and words[: len(parts)] == parts:
                best, length = (command, words[len(parts) :]), len(parts)
    return best


def aliases(program: str, command: Command) -> tuple[str, ...]:
    """What may be typed for it: `api fetch` alone means `api fetch x509`."""
    name = typed(program, command)
    return (name.removesuffix(" x509"), name) if name.endswith("api fetch x509") else (name,)
