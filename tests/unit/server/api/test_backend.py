from __future__ import annotations

import asyncio
import io
from pathlib import Path
from unittest.mock import Mock

import pytest

from finial.authority.policy import Policy
from finial.errors import Internal, InvalidArgument, NotFound
from finial.runtime.clock import SystemClock
from finial.runtime.http2.call import ServerStream
from finial.runtime.log import Logger, Output
from finial.server.api.backend import Backend, as_internal, audit_text
from finial.server.follow import Follower
from finial.server.marks import Marks
from finial.server.sign import Signer
from finial.spiffe.bundle import Bundle
from finial.spiffe.trust_domain import TrustDomain
from finial.store import Store
from finial.testing.metrics import unread
from finial.wire.metadata import POSITION

DOMAIN = TrustDomain("example.org")


def test_what_the_datastore_refuses_in_a_list_is_internal() -> None:
    async def listed() -> None:
        async with as_internal("failed to list"):
            raise InvalidArgument("could not parse token 'x'")

    with pytest.raises(Internal, match="^failed to list: could not parse token 'x'$"):
        asyncio.run(listed())


def test_an_item_is_audited_by_code_and_text() -> None:
    assert audit_text(NotFound("entry not found")) == "NotFound: entry not found"


def test_a_committed_write_is_answered_though_the_index_stands_still(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody follows the log here, as when the database went away right after the commit."""
    monkeypatch.setattr("finial.server.follow.PATIENCE", 0.01)

    async def scene() -> None:
        clock = SystemClock()
        store = await Store.open(tmp_path / "data.sqlite3", clock=clock)
        try:
            log = Logger(Output(io.StringIO(), now=clock.now))
            follower = Follower(DOMAIN, store, await store.load(), clock, log, unread())
            signer = Signer(Policy(trust_domain=DOMAIN), clock, unread())
            marks = Marks(clock, lambda: follower.position)
            backend = Backend(DOMAIN, store, follower, signer, clock, marks)
            stream, done = Mock(spec=ServerStream, trailers={}), await store.set_bundle(Bundle(DOMAIN))
            assert await backend.settled(stream, done) == done.value
            assert stream.trailers[POSITION] == done.position.encode()
        finally:
            await store.close()

    asyncio.run(scene())
