"""What a certificate tells about its node."""

from __future__ import annotations

from datetime import UTC, datetime

from finial.plugins.node.x509pop import facts
from finial.spiffe.trust_domain import TrustDomain
from finial.svid.certificate import read
from finial.template import Template
from finial.testing.ca import TestCa

DOMAIN = TrustDomain("example.org")


def test_uris_of_the_own_trust_domain_tell_facts() -> None:
    uris = [
        "x509pop://example.org/a/b/c",
        "x509pop://example.org/only",
        "x509pop://example.orgx/a/z",
        "x509pop://example.org/a/last/",
        "spiffe://example.org/a/b",
    ]
    assert facts.uri_facts(uris, DOMAIN) == {"a": "last"}


def test_template_data_has_gos_fields() -> None:
    ca = TestCa(now=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    leaf = read(ca.leaf(dns=("a.example",)).chain[0])
    data = facts.template_data(leaf, DOMAIN, {"k": "v"}, "p", str.upper)
    text = "{{ .PluginName }} {{ .TrustDomain }} {{ .SVIDPathTrimmed }} {{ .URISanSelectors.k }} {{ .DNSNames }} {{ .Subject }} {{ .Issuer.CommonName }} {{ .NotAfter }} {{ .Version }} {{ .IsCA }} {{ .URIs }} {{ .IPAddresses }}"
    assert Template.parse(text).render(data) == (
        "x509pop example.org p V [A.EXAMPLE] O=FINIAL ROOT 2026-01-02 04:04:05 +0000 UTC 3 false "
        "[spiffe://example.org/workload] []"
    )
    assert len(facts.fingerprint(leaf)) == 40 and len(facts.serial_number_hex(leaf)) % 2 == 0
