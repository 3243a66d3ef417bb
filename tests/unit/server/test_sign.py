from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from finial.authority.ca import public_bytes, self_signed
from finial.authority.issue import Issuer
from finial.authority.policy import CheckedX509, Policy
from finial.errors import FinialError, InvalidArgument, Unavailable, Unsupported
from finial.registry.entry import Entry
from finial.runtime.clock import SystemClock
from finial.server.sign import Check, Signer
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.spiffe.trust_domain import TrustDomain
from finial.svid import csr
from finial.testing.metrics import unread

POLICY = Policy(trust_domain=TrustDomain("example.org"))
KEY = ec.generate_private_key(ec.SECP256R1())


def with_signer(scene: Callable[[Signer], Awaitable[None]], *, jwt: bool = True) -> None:
    signer = Signer(POLICY, SystemClock(), unread(), jwt_enabled=jwt, threads=2)
    try:
        asyncio.run(_run(scene, signer))
    finally:
        signer.close()


async def _run(scene: Callable[[Signer], Awaitable[None]], signer: Signer) -> None:
    await scene(signer)


def ready(signer: Signer) -> None:
    signer.use_x509(Issuer(self_signed(POLICY, KEY, SystemClock().now()), POLICY))


def for_entry(path: str) -> Check:
    entry = Entry(
        path,
        SpiffeId.parse("spiffe://example.org" + path),
        SpiffeId.parse("spiffe://example.org/n"),
        (Selector("a", "b"),),
    )
    request = csr.parse(csr.create(KEY))
    return lambda policy: policy.workload(entry, request)


def refused(_: Policy) -> CheckedX509:
    raise InvalidArgument("refused")


def test_a_batch_keeps_its_order_and_refuses_item_by_item() -> None:
    async def scene(signer: Signer) -> None:
        ready(signer)
        checks: list[Check] = [for_entry(f"/w{number}") for number in range(20)]
        checks[7] = refused
        done = await signer.x509_batch(checks)
        assert isinstance(done[7], InvalidArgument)
        paths = [one.id.path for one in done if not isinstance(one, FinialError)]
        assert paths == [f"/w{number}" for number in range(20) if number != 7]

    with_signer(scene)


def test_one_job_raises_its_error() -> None:
    async def scene(signer: Signer) -> None:
        ready(signer)
        with pytest.raises(InvalidArgument, match="refused"):
            await signer.x509(refused)
        assert (await signer.x509(lambda policy: policy.server(public_bytes(KEY)))).id.is_server

    with_signer(scene)


def test_an_empty_batch_is_empty() -> None:
    async def scene(signer: Signer) -> None:
        ready(signer)
        assert await signer.x509_batch([]) == []

    with_signer(scene)


def test_without_an_authority_nothing_is_signed() -> None:
    async def scene(signer: Signer) -> None:
        with pytest.raises(Unavailable, match="X509 CA is not available"):
            await signer.x509(for_entry("/w"))
        with pytest.raises(Unavailable, match="JWT key is not available"):
            await signer.jwt(POLICY.mint_jwt(SpiffeId.parse("spiffe://example.org/w"), ["a"]))

    with_signer(scene)


def test_tokens_can_be_switched_off() -> None:
    async def scene(signer: Signer) -> None:
        with pytest.raises(Unsupported, match="JWT functionality is disabled"):
            signer.require_jwt()

    with_signer(scene, jwt=False)


def test_one_job_on_p256_needs_no_thread() -> None:
    request = csr.parse(csr.create(KEY))

    async def scene(signer: Signer) -> None:
        ready(signer)
        signer.close()  # no thread takes a job any more
        svid = await signer.x509(for_entry("/w"), request)
        assert str(svid.id) == "spiffe://example.org/w"

    with_signer(scene)


@pytest.mark.parametrize("curve", [ec.SECP384R1(), ec.SECP521R1()])
def test_one_job_on_a_slower_curve_leaves_the_loop(curve: ec.EllipticCurve) -> None:
    request = csr.parse(csr.create(ec.generate_private_key(curve)))

    async def scene(signer: Signer) -> None:
        ready(signer)
        signer.close()
        with pytest.raises(RuntimeError, match="shutdown"):
            await signer.x509(for_entry("/w"), request)

    with_signer(scene)
