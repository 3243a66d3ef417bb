"""When the server was heard of, and what is known of its clock."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from finial.agent.contact import Contact
from finial.authority.ca import CUSHION
from finial.errors import Unavailable
from finial.svid import x509
from finial.testing.ca import TestCa
from finial.testing.clock import VirtualClock


def test_a_failure_is_remembered_until_the_server_is_heard_of_again() -> None:
    clock = VirtualClock()
    contact = Contact(clock)
    assert contact.heard_at == 0
    contact.heard()
    contact.failed(Unavailable("connection refused"))
    assert (contact.heard_at, contact.trouble) == (clock.unix(), "connection refused")
    contact.heard()
    assert contact.trouble == ""


def test_while_a_watch_is_open_the_server_is_heard_of_all_the_time() -> None:
    async def scenario() -> None:
        clock = VirtualClock()
        contact = Contact(clock)
        with contact.watching():
            await clock.advance(60)
            assert contact.heard_at == clock.unix()
        ended = clock.unix()
        await clock.advance(60)
        assert contact.heard_at == ended

    asyncio.run(scenario())


def test_a_new_svid_tells_the_servers_clock() -> None:
    clock = VirtualClock()
    contact = Contact(clock)
    before = contact.ahead
    ahead = TestCa(now=clock.now() - timedelta(seconds=90))
    svid = x509.parse(ahead.leaf().chain)
    contact.signed(svid)
    assert before is None
    assert contact.ahead == (clock.now() - svid.not_before - CUSHION).total_seconds()
