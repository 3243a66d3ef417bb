"""The next step for a person, from what a call's error says. Pure but for a look at the path of a socket.

SPIRE's words stay as they are; a hint is one more line, by our own name only. None where nothing helps.
"""

from __future__ import annotations

import os
import re
import stat
from typing import Literal

Peer = Literal["server", "agent"]
UNKNOWN_SERVICE = re.compile(r"unknown service (?P<service>[\w.]+)")
OTHER_DOMAIN = re.compile(r'"[^"]*" is not a member of trust domain "(?P<domain>[^"]+)"')
NO_AGENT = re.compile(r'"[^"]*" is not an agent in trust domain "(?P<domain>[^"]+)"')
ADDRESS = re.compile(r"(?P<host>[\w.\-]*|\[[\da-fA-F:]+\]):(?P<port>\d+)")
NOT_FEDERATING = re.compile(r"method (\w*Federation\w*|RefreshBundle) is not served by this server")
NEXT_STEPS = (
    ("agent not found", "`finial agent list` shows the IDs of agents"),
    ("entry not found", "`finial entry show` shows the IDs of entries"),
    ("failed to update entry", "`finial entry show` shows the IDs of entries"),
    ("bundle not found", "`finial bundle list` shows whose bundles there are"),
    ("unexpected authority ID", "`finial localauthority x509 show`, or jwt, tells the IDs and what each is"),
    (
        "similar entry already exists",
        "`finial entry show` with this -parentID, -spiffeID and -selector shows it; `finial entry update` changes it",
    ),
)
WORKLOAD_API = "SpiffeWorkloadAPI"
CONFIGURATION = "finial.configuration.v1.Configuration"


def from_text(message: str) -> str | None:
    """By what the other side said."""
    if found := UNKNOWN_SERVICE.search(message):
        return wrong_socket(found["service"])
    if found := OTHER_DOMAIN.search(message):
        domain = found["domain"]
        return f'this server is of trust domain "{domain}": its IDs begin with spiffe://{domain}/'
    if NO_AGENT.search(message):
        return "`finial agent list` shows the IDs of agents"
    if NOT_FEDERATING.search(message):
        return "`finial bundle set` trusts another trust domain by a bundle that you bring"
    return next((step for told, step in NEXT_STEPS if told in message), None)


def wrong_socket(service: str) -> str:
    if service == WORKLOAD_API:
        return (
            "this is no agent's public socket, but perhaps a server's: name the agent's with -socketPath, "
            "by default /tmp/spire-agent/public/api.sock"
        )
    if service.startswith("spire.api.server."):
        return (
            "this is no server's socket, or that of an older server; an agent's it may be: name the server's "
            "with -socketPath, by default /tmp/spire-server/private/api.sock"
        )
    if service == CONFIGURATION:
        return (
            "a stock SPIRE server, or an older one, takes a changed file by a restart only; if it is neither, name "
            "the server's private socket with -socketPath"
        )
    return "the one who listens there does not offer this: name another socket with -socketPath"


def nobody_listens(peer: Peer, path: str) -> str:
    """By what is at the path."""
    before, uri, after = path.partition("unix:")
    if uri and (not before or before.endswith("/")):  # the folder in front of what was no absolute path
        plain = "/" + after.lstrip("/")
        return f'a path is wanted, without unix: in front: -socketPath "{plain}"'
    if ADDRESS.fullmatch(path) or "://" in path:
        return (
            f'"{path}" is an address; commands call the {peer} by the path of its Unix socket on this machine, '
            "which -socketPath names"
        )
    try:
        mode = os.stat(path).st_mode
    except OSError:
        mode = None
    if mode is not None and not stat.S_ISSOCK(mode):
        return f'"{path}" is {"a folder" if stat.S_ISDIR(mode) else "a file"}, not a socket: name one with -socketPath'
    where = f'is the {peer} running? Nothing listens at "{path}"'
    if mode is not None:
        where += ", which one that ended left behind, or one that is starting has not opened yet"
    return (
        f"{where}: start it with `finial {peer} run`, or name its socket with -socketPath; "
        "`finial up` starts a whole trust domain on this machine"
    )
