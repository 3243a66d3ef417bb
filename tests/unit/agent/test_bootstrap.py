"""Where the first trust comes from."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from finial.agent.bootstrap import read_bundle, stored_bundle, unverified_bundle
from finial.agent.connection import ServerAddress
from finial.errors import InvalidArgument
from finial.spiffe import bundle_document
from finial.spiffe.bundle import Bundle, X509Authority
from finial.spiffe.trust_domain import TrustDomain
from finial.testing.ca import TestCa
from finial.testing.scripted_server import ScriptedServer

OWN = TrustDomain("example.org")


def test_a_bundle_is_read_as_pem_or_as_a_document(tmp_path: Path) -> None:
    bundle = Bundle(OWN, (X509Authority(TestCa().der),))
    pem, document = tmp_path / "bundle.pem", tmp_path / "bundle.json"
    pem.write_bytes(bundle_document.encode_pem(bundle.x509_roots))
    document.write_bytes(bundle_document.encode(bundle))
    assert asyncio.run(read_bundle(str(pem), "pem", OWN)) == bundle
    assert asyncio.run(read_bundle(str(document), "spiffe", OWN)) == bundle
    assert stored_bundle(OWN, bundle.x509_roots) == bundle


@pytest.mark.parametrize(
    ("content", "form", "why"),
    [
        (None, "pem", "could not parse trust bundle: open .*: no such file or directory"),
        (b"", "pem", "no PEM blocks"),
        (b"{", "spiffe", "could not parse trust bundle: "),
    ],
)
def test_a_bundle_that_cannot_be_read_is_told_in_the_words_of_a_stock_agent(
    tmp_path: Path, content: bytes | None, form: str, why: str
) -> None:
    path = tmp_path / "bundle"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidArgument, match=why):
        asyncio.run(read_bundle(str(path), form, OWN))


def test_without_a_bundle_the_one_of_whoever_answers_is_taken_and_no_proof_is_sent() -> None:
    async def scenario() -> None:
        async with ScriptedServer() as server:
            assert await unverified_bundle(server.address) == server.bundle
            assert set(server.calls) == {"GetBundle"}
            other = ServerAddress("127.0.0.1", server.address.port, TrustDomain("other.test"))
            with pytest.raises(InvalidArgument, match='"other.test" is configured'):
                await unverified_bundle(other)

    asyncio.run(scenario())
