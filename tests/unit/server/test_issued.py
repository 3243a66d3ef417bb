"""What was signed is counted by SPIRE's names and by outcome."""

from __future__ import annotations

from finial.errors import InvalidArgument
from finial.server.issued import Issued
from finial.svid.x509 import X509Svid, parse
from finial.testing.ca import TestCa
from finial.testing.metrics import told, unread

CA = TestCa()
REFUSED = InvalidArgument("bad CSR")


def svid(path: str) -> X509Svid:
    return parse(CA.leaf(path).chain)


def test_a_batch_is_counted_by_item_and_timed_as_one() -> None:
    metrics = unread()
    issued = Issued(metrics)
    issued.x509([svid("/a"), REFUSED, svid("/b")], 0.5)
    issued.jwt(REFUSED, 0.25)
    counted = told(metrics)
    assert counted["s_server_ca_sign_x509_svid"] == 2
    assert counted["s_server_ca_sign_jwt_svid"] == 0
    assert counted['finial_svid_issuance_total{status="success",type="x509"}'] == 2
    assert counted['finial_svid_issuance_total{status="failure",type="x509"}'] == 1
    assert counted['finial_svid_issuance_total{status="failure",type="jwt"}'] == 1
    assert counted['finial_svid_issuance_latency_seconds_count{type="x509"}'] == 1
    assert counted['finial_svid_issuance_latency_seconds_sum{type="x509"}'] == 0.5


def test_spiffe_ids_are_told_where_they_are_asked_for() -> None:
    metrics = unread(by_id=True)
    Issued(metrics).x509([svid("/a"), svid("/a"), REFUSED], 0.5)
    counted = told(metrics)
    by_id = 'finial_svid_issuance_total{spiffe_id="spiffe://example.org/a",status="success",type="x509"}'
    assert counted[by_id] == 2
    assert counted['finial_svid_issuance_total{status="failure",type="x509"}'] == 1
