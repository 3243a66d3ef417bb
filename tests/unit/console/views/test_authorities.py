"""Authorities: what signs, what vouches, what cannot be read."""

from __future__ import annotations

from finial.console.readings import Authority, ServerReading
from finial.console.views.authorities import authorities
from finial.spiffe.bundle import Bundle, JwtAuthority, X509Authority
from finial.spiffe.trust_domain import TrustDomain
from finial.svid.certificate import read
from finial.testing.ca import TestCa

NOW = 1_800_000_000.0
DOMAIN = TrustDomain("example.org")


def test_the_bundle_says_which_of_it_is_the_servers_own() -> None:
    own, other = TestCa(), TestCa()
    key_id = (read(own.der).subject_key_id or b"").hex()
    roots = (X509Authority(own.der), X509Authority(other.der, tainted=True), X509Authority(b"nonsense"))
    server = ServerReading(
        at=NOW,
        bundle=Bundle(
            DOMAIN, roots, (JwtAuthority("k", b"", int(NOW) + 60),), refresh_hint=300, sequence_number=4
        ),
        federated=(Bundle(TrustDomain("other.test"), (X509Authority(other.der),)),),
        x509_authorities=(Authority(key_id, "active", NOW + 60),),
    )
    told = authorities(server, NOW)
    assert [(one.kind, one.own, one.tainted) for one in told.bundle] == [
        ("x509", True, False),
        ("x509", False, True),
        ("jwt", False, False),
    ]
    assert (told.sequence_number, told.refresh_hint) == (4, 300)
    assert [(one.slot, one.left) for one in told.x509] == [("active", 60.0)]
    assert [(one.trust_domain, one.x509) for one in told.federated] == [("other.test", 1)]


def test_before_the_server_answers_there_is_nothing() -> None:
    told = authorities(ServerReading(), NOW)
    assert (told.x509, told.bundle, told.refresh_hint) == ([], [], None)
