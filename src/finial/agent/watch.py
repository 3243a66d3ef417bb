"""Changes as the server commits them: `finial.change.v1.Changes/Watch`, the agent's half.

The agent says what it holds, gets what differs, then each change. A position is acknowledged when what it
brought is in force and its SVIDs are in hand: that is what `entry create -wait` waits for. A change may come
in several messages; it is applied as a whole.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable

from grpclib.client import Stream

from finial.agent.connection import ServerConnection, require_roots
from finial.agent.contact import Contact
from finial.agent.intake import Intake
from finial.agent.poll import read_entries
from finial.agent.sign import Signer
from finial.errors import PermissionDenied
from finial.runtime.log import Logger
from finial.runtime.tasks import until_first
from finial.spiffe.bundle import Bundle
from finial.spiffe.trust_domain import TrustDomain
from finial.wire.convert.bundle import bundle_from_wire
from finial.wire.pb.finial.change.v1 import change_pb2
from finial.wire.pb.spire.api.types import bundle_pb2

Calls = Stream[change_pb2.WatchRequest, change_pb2.WatchResponse]


class Watch:
    """`position` outlives the streams: the next one goes on where the last one ended."""

    def __init__(
        self, connection: ServerConnection, intake: Intake, signer: Signer, contact: Contact, log: Logger
    ) -> None:
        self._connection, self._contact = connection, contact
        self._intake = intake
        self._signer = signer
        self._log = log
        self._told: dict[TrustDomain, tuple[Bundle, bytes]] = {}  # bundles as they came, with their digests
        self._applied = asyncio.Event()
        self.position = b""

    async def run(self) -> None:
        """One stream, until the server ends it with OK, as it does before it goes away, or trust or
        identity changed: the next one is opened with the new ones, and nothing is missed between.

        Raises: Unsupported from a server that does not know it; FailedPrecondition if the position is of
        another history; PermissionDenied, Unavailable; Internal for an own bundle without roots.
        """
        async with (
            self._connection.using()
        ):  # a stream that begins amid a change of identity shows the old one
            generation = self._connection.generation
        try:
            async with self._connection.api.changes.Watch.open() as stream:
                await stream.send_message(change_pb2.WatchRequest(open=self._opening()))
                left = asyncio.Event()
                await until_first(self._receive(stream), self._acknowledge(stream), self._leave(left))
                if left.is_set():  # and nobody is reading or writing any more
                    await stream.cancel()
        except PermissionDenied:
            if generation == self._connection.generation:
                raise
            async with self._connection.using():  # once the new identity is in use
                return

    async def _leave(self, left: asyncio.Event) -> None:
        await self._connection.renewed()
        left.set()

    def _opening(self) -> change_pb2.Open:
        entries = self._intake.holdings.entries.values()
        known = [
            change_pb2.KnownEntry(id=one.id, revision_number=one.revision_number, created_at=one.created_at)
            for one in entries
        ]
        held = self._intake.holdings.bundles
        bundles = [
            change_pb2.KnownBundle(
                trust_domain=name.name, sequence_number=told.sequence_number, digest=digest
            )
            for name, (told, digest) in self._told.items()
            if held.get(name) == told  # a poll of another server may have brought another
        ]
        return change_pb2.Open(position=self.position, known=known, known_bundles=bundles)

    async def _receive(self, stream: Calls) -> None:
        part = await stream.recv_message()
        if part is None:
            return
        parts: list[change_pb2.WatchResponse] = []
        with self._contact.watching():
            while part is not None:
                parts.append(part)
                if not part.more:
                    self._apply(parts)
                    parts = []
                part = await stream.recv_message()

    def _apply(self, parts: list[change_pb2.WatchResponse]) -> None:
        messages = [bundle for part in parts for bundle in part.bundles]
        gone = [TrustDomain.parse(name) for part in parts for name in part.withdrawn_bundles]
        entries = read_entries((entry for part in parts for entry in part.entries), self._log)
        withdrawn = [entry_id for part in parts for entry_id in part.withdrawn_entry_ids]
        bundles = [bundle_from_wire(message) for message in messages]
        for bundle in bundles:
            if bundle.trust_domain == self._intake.holdings.trust_domain:
                require_roots(bundle)
        self._intake.change(entries.values(), withdrawn, bundles, gone)
        self._remember(messages, bundles, gone)
        self.position = parts[-1].position
        self._applied.set()

    def _remember(
        self, messages: Iterable[bundle_pb2.Bundle], bundles: Iterable[Bundle], gone: Iterable[TrustDomain]
    ) -> None:
        for message, bundle in zip(messages, bundles, strict=True):
            digest = hashlib.sha256(message.SerializeToString()).digest()
            self._told[bundle.trust_domain] = (bundle, digest)
        for name in gone:
            self._told.pop(name, None)

    async def _acknowledge(self, stream: Calls) -> None:
        """The newest position at the time: while SVIDs are being signed more changes may come in."""
        while True:
            await self._applied.wait()
            self._applied.clear()
            position = self.position
            await self._signer.sign_due()
            acknowledge = change_pb2.Acknowledge(position=position)
            await stream.send_message(change_pb2.WatchRequest(acknowledge=acknowledge))
