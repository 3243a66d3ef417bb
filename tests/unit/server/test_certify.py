"""New keys certified, with and without an upstream authority."""

from __future__ import annotations

import asyncio
import io

from cryptography.hazmat.primitives.asymmetric import ec

from finial.authority.policy import Policy
from finial.runtime.clock import SystemClock
from finial.runtime.log import Level, Logger, Output
from finial.server.certify import Certifier, Upstream
from finial.spiffe.bundle import JwtAuthority
from finial.spiffe.trust_domain import TrustDomain
from finial.testing.ca import TestCa
from finial.testing.upstream import MemoryUpstream

DOMAIN = TrustDomain("example.org")
KEY = ec.generate_private_key(ec.SECP256R1())


def above_us(**options: bool) -> MemoryUpstream:
    return MemoryUpstream(SystemClock().now, TestCa(), **options)  # type: ignore[arg-type]  # of parameters


def certifier(above: MemoryUpstream | None) -> tuple[Certifier, io.StringIO]:
    text = io.StringIO()
    log = Logger(Output(text, now=SystemClock().now, level=Level.DEBUG, strict=True))
    upstream = Upstream.of({"above": above} if above else {})
    return Certifier(lambda: Policy(trust_domain=DOMAIN), SystemClock(), log, upstream), text


def test_without_an_upstream_a_ca_signs_itself() -> None:
    alone, _ = certifier(None)
    ca = asyncio.run(alone.x509(KEY))
    assert ca.roots == (ca.certificate,) and not alone.has_upstream
    assert asyncio.run(alone.jwt(KEY))[1] == () and asyncio.run(alone.new_roots()) == ()


def test_below_an_upstream_its_roots_are_the_roots() -> None:
    above = above_us()
    ca = asyncio.run(certifier(above)[0].x509(KEY))
    assert ca.roots == (above.ca.der,) and ca.upstream_chain == (ca.certificate,)


def test_a_root_that_is_new_upstream_is_told_once() -> None:
    above, fresh = above_us(), TestCa(name="fresh")
    below, log = certifier(above)

    async def scene() -> None:
        assert await below.new_roots() == ()
        above.announced.append(fresh)
        assert await below.new_roots() == (fresh.der,)
        assert await below.new_roots() == ()
        above.gone = True
        assert await below.new_roots() == await below.new_roots() == ()

    asyncio.run(scene())
    assert log.getvalue().count("Roots of the upstream authority cannot be read") == 1


def test_jwt_keys_go_upstream_where_they_can() -> None:
    above = above_us(passes_keys_on=True)
    above.keys.append(JwtAuthority("theirs", b"", 1))
    made, told = asyncio.run(certifier(above)[0].jwt(KEY))
    assert [one.key_id for one in told] == ["theirs", made.key_id]
    below, log = certifier(above_us())

    async def twice() -> None:
        for _ in range(2):
            assert (await below.jwt(KEY))[1] == ()

    asyncio.run(twice())
    assert log.getvalue().count("UpstreamAuthority plugin does not support JWT-SVIDs") == 1
    assert "plugin_name=above" in log.getvalue()
