"""What all handlers work with, and the two steps that nearly all of them take."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from google.protobuf.message import Message

from finial.errors import FinialError, Internal
from finial.runtime.clock import Clock
from finial.runtime.grpc import Stream, add_trailer
from finial.server.api.encoded import EncodedEntries
from finial.server.follow import Follower
from finial.server.marks import Marks
from finial.server.sign import Signer
from finial.spiffe.bundle import Bundle
from finial.spiffe.trust_domain import TrustDomain
from finial.store import Committed, Store
from finial.wire.metadata import POSITION
from finial.wire.status import code_name

Request = TypeVar("Request", bound=Message)
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Backend:
    trust_domain: TrustDomain
    store: Store
    follower: Follower
    signer: Signer
    clock: Clock
    marks: Marks
    encoded: EncodedEntries = field(default_factory=EncodedEntries)

    async def settled(self, stream: Stream[Any, Any], committed: Committed[Value]) -> Value:
        """The value of a write, as a rule once the index holds it; the answer will carry its position."""
        await self.follower.caught_up(committed.position)
        add_trailer(stream, POSITION, committed.position.encode())
        return committed.value

    async def own_bundle(self) -> Bundle:
        """From the database. Raises: Internal before there is one."""
        bundle = await self.store.bundle(self.trust_domain)
        if bundle is None:
            raise Internal("bundle not found")
        return bundle


async def request_of(stream: Stream[Request, Any]) -> Request:
    """The one request of a call. Raises: Internal if there is none."""
    request = await stream.recv_message()
    if request is None:
        raise Internal("request is missing")
    return request


@asynccontextmanager
async def as_internal(what: str, join: str = ": ") -> AsyncIterator[None]:
    """Around a list or count: whatever the datastore says is Internal there, as in SPIRE."""
    try:
        yield
    except FinialError as why:
        raise Internal(f"{what}{join}{why.message}") from why


def audit_text(error: FinialError) -> str:
    """How the audit record of an item names its error."""
    return f"{code_name(error)}: {error.message}"
