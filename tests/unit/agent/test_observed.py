"""What an agent tells of itself when it is asked."""

from __future__ import annotations

import asyncio
import io
import math
from datetime import timedelta
from pathlib import Path

from finial.agent.answer import HeldSvid
from finial.agent.contact import Contact
from finial.agent.observed import observe_contact, observe_lives, observe_trust
from finial.agent.rebootstrap import Mode, Rebootstrap
from finial.agent.storage import Bootstrap, Storage, Use
from finial.agent.svids import Holdings
from finial.registry.entry import Entry
from finial.runtime.log import Logger, Output
from finial.spiffe.bundle import Bundle
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.spiffe.trust_domain import TrustDomain
from finial.svid.x509 import parse
from finial.testing.ca import TestCa
from finial.testing.clock import VirtualClock
from finial.testing.metrics import told, unread


def test_without_an_svid_there_is_no_time_left_to_tell() -> None:
    clock = VirtualClock()
    metrics, ca = unread(clock), TestCa(now=clock.now())
    own = parse(ca.leaf("/spire/agent/t/1", lifetime=timedelta(hours=1)).chain)
    observe_lives(metrics, clock, lambda: own, Holdings(Bundle(TrustDomain("example.org"))))
    found = told(metrics)
    assert 0 < found['finial_expiration_seconds{kind="agent_svid"}'] <= 3600
    assert found['finial_lifetime_seconds{kind="agent_svid"}'] >= 3600
    assert math.isnan(found['finial_expiration_seconds{kind="workload_svid"}'])


def test_each_svid_is_told_by_its_id_where_that_is_asked_for() -> None:
    clock = VirtualClock()
    ca = TestCa(now=clock.now())
    svid = parse(ca.leaf("/web", lifetime=timedelta(hours=1)).chain)
    holdings = Holdings(Bundle(TrustDomain("example.org")))
    parent = SpiffeId.parse("spiffe://example.org/node")
    holdings.set_entries([Entry("web", svid.id, parent, (Selector("t", "1"),))])
    holdings.store("web", HeldSvid(svid, b"", 0, 0, 0.0))
    key = 'finial_svid_expiration_seconds{spiffe_id="spiffe://example.org/web"}'
    for by_id in (True, False):
        metrics = unread(clock, by_id=by_id)
        observe_lives(metrics, clock, lambda: svid, holdings)
        assert (key in told(metrics)) is by_id
        assert 0 < told(metrics)['finial_expiration_seconds{kind="workload_svid"}'] <= 3600


def test_silence_ends_with_a_word_of_the_server() -> None:
    clock = VirtualClock()
    metrics, contact = unread(clock), Contact(clock)
    observe_contact(metrics, contact, clock)
    clock.step(20)
    assert told(metrics) == {"finial_server_silence_seconds": 20}
    contact.heard()
    clock.step(30)
    assert told(metrics) == {"finial_server_silence_seconds": 30}
    with contact.watching():
        assert told(metrics) == {"finial_server_silence_seconds": 0}


def test_trust_is_told_in_spires_way(tmp_path: Path) -> None:
    async def scenario() -> None:
        clock, storage = VirtualClock(), Storage(tmp_path)
        log = Logger(Output(io.StringIO(), now=clock.now))
        metrics, trust = unread(clock), Rebootstrap(Mode.AUTO, timedelta(), storage, clock, log)
        observe_trust(metrics, trust)
        await storage.load()
        await storage.store_bootstrap(Bootstrap(Use.TRUST_ANEW, clock.now(), 3))
        assert told(metrics) == {
            "s_bootstrapped": 0,
            's_bootstrap_attempts{mode="bootstrap"}': 0,
            's_bootstrap_attempts{mode="rebootstrap"}': 3,
            's_bootstrap_seconds{mode="bootstrap"}': 0,
            's_bootstrap_seconds{mode="rebootstrap"}': clock.now().timestamp(),
        }
        await trust.succeeded()
        assert told(metrics)["s_bootstrapped"] == 1

    asyncio.run(scenario())
