"""CredentialComposer "uniqueid": recorded digests, of workloads and of nobody else."""

from __future__ import annotations

import pytest

from finial.plugin.kinds import JwtSvidAttributes, X509CaAttributes, X509SvidAttributes
from finial.plugins.compose.uniqueid import OID, UniqueId, unique_id
from finial.spiffe.id import SpiffeId
from finial.svid.subject import SPIFFE, SPIRE, Subject

NAMED = SpiffeId.parse("spiffe://example.org/named")
DIGEST = "cd2941a0a7c9605226d44e60de3c5ec7"  # a stock server's


@pytest.mark.parametrize(
    ("path", "digest"),
    [
        ("/named", DIGEST),
        ("/minted", "95e799d1bd5bf7d341c6524a7a601af4"),
        ("/plain", "0ce2c23d73e6bbcd3710e6edbec7fe41"),
    ],
)
def test_digest_of_recorded_workloads(path: str, digest: str) -> None:
    assert unique_id(SpiffeId.parse(f"spiffe://example.org{path}")) == digest


def test_a_workload_gets_it_at_the_end_of_its_subject() -> None:
    before = X509SvidAttributes(Subject(common_name="a.test", more=(("2.999", "x"),)), ("a.test",))
    after = UniqueId().workload_x509_svid(NAMED, b"", before)
    assert after.subject == Subject(common_name="a.test", more=(("2.999", "x"), (OID, DIGEST)))
    assert after.dns_names == ("a.test",)


def test_one_that_another_composer_set_is_replaced_in_its_place() -> None:
    before = X509SvidAttributes(Subject(more=((OID, "theirs"), ("2.999", "x"))))
    after = UniqueId().workload_x509_svid(NAMED, b"", before)
    assert after.subject.more == ((OID, DIGEST), ("2.999", "x"))


def test_nothing_else_is_changed() -> None:
    composer = UniqueId()
    ca, svid, token = X509CaAttributes(SPIFFE), X509SvidAttributes(SPIRE), JwtSvidAttributes({"sub": "x"})
    assert composer.server_x509_ca(ca) == ca
    assert composer.server_x509_svid(svid) == svid
    assert composer.agent_x509_svid(NAMED, b"", svid) == svid
    assert composer.workload_jwt_svid(NAMED, token) == token
