"""Who calls: one connection in, what is known of the caller out. And the record of the call being served.

A caller is the process behind the admin socket, or whoever a client certificate proves, or nobody. The
certificate was verified in the handshake; here it is only read, once a connection.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any
from weakref import WeakKeyDictionary

from finial.errors import FinialError, Internal, InvalidArgument
from finial.runtime.grpc import Connection, Stream, connection_of
from finial.runtime.log import FieldValue, Logger
from finial.runtime.peer import Peer
from finial.runtime.sockets import Source
from finial.runtime.tls import peer_chain
from finial.spiffe.id import SpiffeId
from finial.svid.x509 import X509Svid, parse

NOTHING: Mapping[str, FieldValue] = MappingProxyType({})


class Class(StrEnum):
    """Who may call a method. Values are SPIRE's words for `authorized_as`."""

    ANY = "nobody"
    LOCAL = "local"
    ADMIN = "admin"
    AGENT = "agent"
    DOWNSTREAM = "downstream"


@dataclass(frozen=True, slots=True)
class Caller:
    """`peer`: the process, on the admin socket. `svid`: of the client certificate, on TCP."""

    address: str = ""  # "host:port"; "" on a Unix socket
    host: str = ""
    peer: Peer | None = None
    svid: X509Svid | None = None

    @property
    def id(self) -> SpiffeId | None:
        return self.svid.id if self.svid else None

    @property
    def name(self) -> str:
        """For a person: its SPIFFE ID, or the user on this machine."""
        if self.svid is not None:
            return str(self.svid.id)
        return f"uid {self.peer.uid}" if self.peer else self.address

    def fields(self) -> dict[str, FieldValue]:
        """For every log line of its calls."""
        known: dict[str, FieldValue] = {}
        if self.address:
            known["caller_addr"] = self.address
        if self.svid:
            known["caller_id"] = str(self.svid.id)
        return known

    def audit_fields(self) -> dict[str, FieldValue]:
        if self.peer is None:
            return {}
        return {"caller_uid": self.peer.uid, "caller_gid": self.peer.gid}


_CALLERS: WeakKeyDictionary[Connection, Caller] = WeakKeyDictionary()


def caller_of(stream: Stream[Any, Any]) -> Caller:
    connection = connection_of(stream)
    known = _CALLERS.get(connection)
    if known is None:
        known = _CALLERS[connection] = _read(connection)
    return known


def _read(connection: Connection) -> Caller:
    if isinstance(connection.peer, Peer):
        return Caller(peer=connection.peer)
    chain = peer_chain(connection.ssl_object)
    host, port = _remote(connection)
    shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return Caller(address=shown, host=host, svid=parse(chain) if chain else None)


def _remote(connection: Connection) -> tuple[str, int]:
    """Of who is behind a proxy that is trusted, else of who connected."""
    if isinstance(connection.peer, Source):
        return connection.peer.host, connection.peer.port
    address = connection.remote_address
    if not isinstance(address, tuple):
        raise Internal("a connection that is neither local nor of TCP")
    return str(address[0]), address[1]


@dataclass(slots=True)
class CallRecord:
    """One call while it is served: its log, and what its audit record will say."""

    path: str
    caller: Caller
    log: Logger
    auditing: bool = False
    audited: dict[str, FieldValue] = field(default_factory=dict)
    items: list[tuple[str, dict[str, FieldValue], Mapping[str, FieldValue]]] = field(default_factory=list)
    evidence: dict[str, FieldValue] = field(default_factory=dict)
    authorized_as: str = ""

    @property
    def agent_id(self) -> SpiffeId:
        """Of a method that only agents may call."""
        if self.caller.svid is None:
            raise Internal(f"{self.path}: called without a certificate")
        return self.caller.svid.id

    def audit(self, **fields: FieldValue) -> None:
        """What the record of the call says besides; empty texts are left out by the caller."""
        self.audited |= fields

    def prove(self, **evidence: FieldValue) -> None:
        """What the audit stream says besides: what was issued or changed. SPIRE's audit log does not have it."""
        self.evidence |= evidence

    def audit_item(
        self, error: str = "", evidence: Mapping[str, FieldValue] = NOTHING, /, **fields: FieldValue
    ) -> None:
        """A record of its own for one item of a batch; `error` is "Code: message", `evidence` as in `prove`."""
        if self.auditing:
            self.items.append((error, fields, evidence))


_CURRENT: ContextVar[CallRecord] = ContextVar("call")


def current() -> CallRecord:
    """The call that this task serves."""
    return _CURRENT.get()


def begin(path: str, caller: Caller, log: Logger, *, auditing: bool = False) -> CallRecord:
    """Made by the gate, at the start of each call's task."""
    service, _, method = path.lstrip("/").partition("/")
    fields: dict[str, FieldValue] = {"request_id": str(uuid.uuid4()), "method": method}
    fields["service"] = service.removeprefix("spire.api.server.")
    record = CallRecord(path, caller, log.with_fields(**fields, **caller.fields()), auditing)
    _CURRENT.set(record)
    return record


def log_refusal(error: FinialError, **fields: FieldValue) -> None:
    """A line about what the call, or one item of it, asked for in vain: what failed is the line's text, why
    it failed a field. SPIRE 1.15 `MakeErr`."""
    what, why = error.message, {}
    cause = error.__cause__
    if isinstance(cause, FinialError) and what.endswith(f": {cause.message}"):
        what, why = what.removesuffix(f": {cause.message}"), {"error": cause.message}
    text = f"Invalid argument: {what}" if isinstance(error, InvalidArgument) else what[:1].upper() + what[1:]
    current().log.error(text, **why, **fields)
