"""When trust starts over."""

from __future__ import annotations

import asyncio
import io
import ssl
from datetime import timedelta
from pathlib import Path

import pytest

from finial.agent.rebootstrap import Mode, Rebootstrap, is_unknown_authority
from finial.agent.storage import AgentData, Bootstrap, Storage, Use
from finial.errors import FailedPrecondition, FinialError, Unavailable
from finial.runtime.log import Level, Logger, Output
from finial.testing.ca import TestCa
from finial.testing.clock import VirtualClock

DELAY = timedelta(minutes=10)
DER = TestCa(now=VirtualClock().now(), lifetime=timedelta(days=1)).der


def refused(code: int) -> FinialError:
    """As a call fails whose handshake ended so."""
    cause = ssl.SSLCertVerificationError(ssl.SSL_ERROR_SSL, "certificate verify failed")
    cause.verify_code = code
    inner = Unavailable("connect: certificate verify failed")
    inner.__cause__ = cause
    return inner.within("failed to fetch authorized entries")


UNKNOWN, EXPIRED = refused(20), refused(10)


class Bench:
    def __init__(self, folder: Path, mode: Mode = Mode.AUTO) -> None:
        self.clock = VirtualClock()
        self.text = io.StringIO()
        self.storage = Storage(folder)
        log = Logger(Output(self.text, now=self.clock.now, level=Level.DEBUG, strict=True))
        self.trust = Rebootstrap(mode, DELAY, self.storage, self.clock, log)

    async def attested(self, *, reattestable: bool = True) -> None:
        await self.storage.store_svid((DER,), reattestable=reattestable)
        await self.storage.store_bundle((DER,))
        await self.trust.succeeded()

    @property
    def log(self) -> str:
        return self.text.getvalue()


def test_a_handshake_tells_whether_its_issuer_is_unknown() -> None:
    assert is_unknown_authority(UNKNOWN)
    assert not is_unknown_authority(EXPIRED)
    assert not is_unknown_authority(Unavailable("away"))
    bare = ssl.SSLCertVerificationError(ssl.SSL_ERROR_SSL, "peer refused")
    assert not is_unknown_authority(bare)


@pytest.mark.parametrize("mode", [Mode.AUTO, Mode.ALWAYS])
def test_after_the_delay_identity_and_trust_are_dropped(tmp_path: Path, mode: Mode) -> None:
    async def scenario() -> None:
        bench = Bench(tmp_path, mode)
        await bench.attested()
        await bench.trust.call_failed(UNKNOWN)
        await bench.clock.advance(599)
        await bench.trust.call_failed(UNKNOWN)
        assert 'ignoring for now" time_left=1s' in bench.log
        assert bench.storage.data.svid
        await bench.clock.advance(1)
        with pytest.raises(FailedPrecondition, match="shutting down for rebootstrapping"):
            await bench.trust.call_failed(UNKNOWN)
        left = await Storage(tmp_path).load()
        assert left == AgentData(bootstrap=Bootstrap(Use.TRUST_ANEW, bench.clock.now()))

    asyncio.run(scenario())


def test_a_success_or_another_failure_does_not_count(tmp_path: Path) -> None:
    async def scenario() -> None:
        bench = Bench(tmp_path)
        await bench.attested()
        await bench.trust.call_failed(UNKNOWN)
        await bench.trust.succeeded()
        assert 'msg="Success after 0s attempts=0"' in bench.log
        await bench.clock.advance(700)
        await bench.trust.call_failed(UNKNOWN)
        await bench.clock.advance(700)
        for other in (EXPIRED, Unavailable("away")):
            await bench.trust.call_failed(other)
        assert bench.storage.data.svid

    asyncio.run(scenario())


def test_the_count_goes_on_over_a_restart_and_not_into_the_future(tmp_path: Path) -> None:
    async def scenario() -> None:
        first = Bench(tmp_path)
        await first.attested()
        await first.trust.call_failed(UNKNOWN)
        second = Bench(tmp_path)
        await second.storage.load()
        await second.clock.advance(600)
        with pytest.raises(FailedPrecondition):
            await second.trust.call_failed(UNKNOWN)
        third = Bench(tmp_path)
        await third.storage.load()
        third.clock.step(-86400)
        await third.trust.call_failed(UNKNOWN)
        await third.clock.advance(600)
        with pytest.raises(FailedPrecondition):
            await third.trust.call_failed(UNKNOWN)

    asyncio.run(scenario())


def test_in_mode_never_what_is_held_is_kept_and_the_way_out_told_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        bench = Bench(tmp_path, Mode.NEVER)
        await bench.attested()
        before = bench.storage.data
        for _ in range(3):
            await bench.clock.advance(3600)
            await bench.trust.call_failed(UNKNOWN)
            await bench.trust.attestation_failed(UNKNOWN)
        assert bench.storage.data == before
        assert bench.log.count("if the server lost its keys, move the files of data_dir away") == 1

    asyncio.run(scenario())


def test_in_mode_never_it_is_told_that_all_roots_have_expired(tmp_path: Path) -> None:
    async def scenario() -> None:
        bench = Bench(tmp_path, Mode.NEVER)
        await bench.attested()
        await bench.clock.advance(timedelta(days=30).total_seconds())
        await bench.trust.call_failed(UNKNOWN)
        assert (
            "the last root that this agent holds expired at 2026-01-02T00:00:00Z: move the files" in bench.log
        )

    asyncio.run(scenario())


def test_a_node_that_cannot_attest_again_is_refused_or_stays(tmp_path: Path) -> None:
    async def scenario() -> None:
        bench = Bench(tmp_path, Mode.ALWAYS)
        bench.trust.check()  # no identity yet
        await bench.attested(reattestable=False)
        with pytest.raises(FailedPrecondition, match="you have requested rebootstrap support"):
            bench.trust.check()
        bench.trust.mode = Mode.AUTO
        bench.trust.check()
        assert bench.trust.mode == Mode.NEVER
        assert "Disabling" in bench.log

    asyncio.run(scenario())


def test_before_an_identity_the_stored_bundle_goes_after_the_delay(tmp_path: Path) -> None:
    async def scenario() -> None:
        bench = Bench(tmp_path)
        await bench.trust.attestation_failed(UNKNOWN)
        assert "bootstrapping again" in bench.log
        await bench.storage.store_bundle((DER,))  # as a file of an agent that told no state
        assert bench.trust.state.use is Use.TRUST_ANEW
        await bench.trust.attestation_failed(UNKNOWN)
        await bench.clock.advance(600)
        await bench.trust.attestation_failed(UNKNOWN)
        assert bench.storage.data.bundle == ()
        state = await bench.trust.count_attempt()
        assert (state.use, state.attempts) == (Use.TRUST_ANEW, 1)
        assert (await bench.trust.count_attempt()).attempts == 2

    asyncio.run(scenario())
