"""The own bundle: `bundle-own.txt`."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from finial.runtime.grpc import GRPCError, unary
from finial.testing.ca import TestCa
from finial.testing.server import Running, new_key, play
from finial.wire.pb.spire.api.server.bundle.v1 import bundle_pb2 as api
from finial.wire.pb.spire.api.server.bundle.v1.bundle_grpc import BundleStub
from finial.wire.pb.spire.api.types import bundle_pb2


def jwt_key(key_id: str = "kid-1") -> bundle_pb2.JWTKey:
    public = new_key().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return bundle_pb2.JWTKey(public_key=public, key_id=key_id, expires_at=4102444800)


def test_a_mask_selects_the_fields(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        async with running.admin() as channel:
            mask = bundle_pb2.BundleMask(jwt_authorities=True)
            bundle = await unary(BundleStub(channel).GetBundle, api.GetBundleRequest(output_mask=mask))
        assert bundle.trust_domain == "example.org"
        assert len(bundle.jwt_authorities) == 1
        assert not bundle.x509_authorities
        assert bundle.sequence_number == 0

    play(tmp_path, scene)


def test_what_is_appended_is_served_and_trusted_at_once(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        root = bundle_pb2.X509Certificate(asn1=TestCa("example.org").der)
        generation = running.server.identity.context.generation
        async with running.admin() as channel:
            stub = BundleStub(channel)
            request = api.AppendBundleRequest(x509_authorities=[root], jwt_authorities=[jwt_key()])
            appended = await unary(stub.AppendBundle, request)
            assert (len(appended.x509_authorities), len(appended.jwt_authorities)) == (2, 2)
            again = await unary(stub.AppendBundle, request)
            assert again.sequence_number == appended.sequence_number
            assert await unary(stub.GetBundle, api.GetBundleRequest()) == appended
        assert running.server.identity.context.generation > generation

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (api.AppendBundleRequest(), "no authorities to append"),
        (
            api.AppendBundleRequest(x509_authorities=[bundle_pb2.X509Certificate(asn1=b"nope")]),
            "failed to convert X.509 authority: x509: malformed certificate",
        ),
        (
            api.AppendBundleRequest(jwt_authorities=[jwt_key("")]),
            "failed to convert JWT authority: missing key ID",
        ),
    ],
)
def test_what_cannot_be_appended_is_named(
    tmp_path: Path, request_: api.AppendBundleRequest, why: str
) -> None:
    async def scene(running: Running) -> None:
        async with running.admin() as channel:
            with pytest.raises(GRPCError) as refusal:
                await unary(BundleStub(channel).AppendBundle, request_)
        assert refusal.value.message == why

    play(tmp_path, scene)
