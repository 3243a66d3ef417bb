"""What somebody signed who holds a key that counts: an issuer below the root, an agent, a server gone bad. The inside is
changed and then signed, so that it is read beyond the signature."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import timedelta
from ipaddress import ip_network

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from tests.fuzz.mutate.der import Element, by_der, read_der
from tests.fuzz.target import target
from tests.fuzz.targets.credentials import (
    EXAMPLE,
    JSON_WORDS,
    KEY,
    NOW,
    SIGNED_AT,
    authority,
    base64url,
    by_parts,
    key_of,
    leaf,
    requests,
    trust,
)

from finial.errors import FinialError, InvalidArgument
from finial.plugins.node.x509pop import chain
from finial.svid import csr, jwt
from finial.svid.certificate import read
from finial.svid.verify import verify_x509
from finial.testing.ca import TestCa
from finial.wire.pb.spiffe.workload import workload_pb2

ECDSA_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")
MOST_CERTIFICATES = 4


def signed(inside: bytes, key: ec.EllipticCurvePrivateKey) -> bytes:
    """A certificate or a request around what is to be signed."""
    signature = Element(0x03, b"\0" + key.sign(inside, ec.ECDSA(hashes.SHA256()))).encoded()
    return Element(0x30, inside + ECDSA_SHA256 + signature).encoded()


def issuer(name: str, above: TestCa, *extensions: x509.ExtensionType) -> TestCa:
    """With key 2 and further extensions."""
    made = TestCa(name=name, now=SIGNED_AT, issuer=above, private_key=key_of(2))
    old = made.certificate
    builder = x509.CertificateBuilder(
        above.subject, old.subject, old.public_key(), old.serial_number, old.not_valid_before_utc, old.not_valid_after_utc,
        [*old.extensions, *(x509.Extension(one.oid, True, one) for one in extensions)],
    )  # fmt: skip
    made.certificate = builder.sign(above.private_key, hashes.SHA256())
    return made


def insides(*certificates: x509.Certificate) -> bytes:
    return b"".join(one.tbs_certificate_bytes for one in certificates)


def chains() -> Iterable[bytes]:
    """Leaf first; what is to be signed alone."""
    narrow = x509.NameConstraints(
        [x509.DNSName("example.org"), x509.UniformResourceIdentifier("example.org")],
        [x509.DNSName("b.example.org"), x509.UniformResourceIdentifier(".other.org")],
    )
    other = x509.NameConstraints(None, [x509.IPAddress(ip_network("10.0.0.0/8"))])
    for extensions in ((), (narrow,), (other,)):
        above = issuer("one", authority(), *extensions)
        issued = above.leaf(private_key=key_of(3), dns=("a.example.org",), lifetime=timedelta(minutes=30))
        below = issuer("two", above)
        yield insides(x509.load_der_x509_certificate(issued.chain[0]), above.certificate)
        deep = x509.load_der_x509_certificate(below.leaf(private_key=key_of(3)).chain[0])
        yield insides(deep, below.certificate, above.certificate)


def chain_of(data: bytes) -> tuple[bytes, ...]:
    """Certificates signed each by the next, the last one by the root. Raises: InvalidArgument for what is no DER."""
    parts = [one.encoded() for one in read_der(data)][:MOST_CERTIFICATES]
    if not parts:
        raise InvalidArgument("nothing to be signed")
    return (*(signed(one, key_of(2)) for one in parts[:-1]), signed(parts[-1], key_of(1)))


@target("x509-signed", reads=("svid/verify.py", "svid/x509.py", "plugins/node/x509pop/chain.py"), made=chains, mutate=by_der,
        words=(b"spiffe://example.org/web", b"spiffe://[::1", b"x://[a", b"http://10.0.0.1/"))  # fmt: skip
def verify_signed(data: bytes) -> None:
    made = chain_of(data)
    limits = chain.Limits(MOST_CERTIFICATES, 4096)
    try:
        found = chain.verify(made, (read(authority().der),), limits, SIGNED_AT)
        assert found.leaf.der == made[0] and found.paths
    except FinialError:
        pass  # the other one reads it all the same
    svid = verify_x509(made, trust(), SIGNED_AT)
    assert svid.id.member_of(EXAMPLE) and svid.id.path


def inside_requests() -> Iterable[bytes]:
    for one in requests():
        yield x509.load_der_x509_csr(one).tbs_certrequest_bytes


@target("csr-signed", reads=("svid/csr.py", "svid/subject.py"), made=inside_requests, mutate=by_der)
def read_signed_request(data: bytes) -> None:
    request = csr.parse(signed(data, leaf().private_key))
    request.check_signature()
    names = request.names()
    names.subject.name()


def plain_tokens() -> Iterable[bytes]:
    header = {"alg": "ES256", "kid": KEY.key_id, "typ": "JWT"}
    claims = {"aud": ["a"], "exp": NOW + 60, "iat": NOW, "nbf": NOW, "sub": "spiffe://example.org/web"}
    for changed in (
        {},
        {"aud": "a"},
        {"exp": NOW - 600},
        {"nbf": NOW + 600},
        {"iat": NOW + 600},
        {"aud": ["b"]},
    ):
        yield json.dumps(header).encode() + b"\n" + json.dumps(claims | changed).encode()


@target("jwt-signed", reads=("svid/jwt.py",), made=plain_tokens, mutate=by_parts, words=(*JSON_WORDS, b"\n"))
def verify_signed_token(data: bytes) -> None:
    header, _, claims = data.partition(b"\n")
    inside = f"{base64url(header)}.{base64url(claims)}"
    r, s = decode_dss_signature(KEY.private_key.sign(inside.encode(), ec.ECDSA(hashes.SHA256())))
    found = jwt.verify(f"{inside}.{base64url(r.to_bytes(32) + s.to_bytes(32))}", trust(), "a", NOW)
    told = json.loads(claims)
    assert str(found.id) == told["sub"] and found.id.member_of(EXAMPLE)
    assert "a" in told["aud"] and told["exp"] >= NOW - jwt.LEEWAY
    answer = workload_pb2.ValidateJWTSVIDResponse(spiffe_id=str(found.id))
    answer.claims.update(found.claims)  # type: ignore[arg-type]  # JSON values
    workload_pb2.ValidateJWTSVIDResponse.FromString(answer.SerializeToString())
