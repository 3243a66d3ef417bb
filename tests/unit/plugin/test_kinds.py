"""What a kind of plugin does where a plugin says nothing."""

from __future__ import annotations

from finial.plugin.kinds import CredentialComposer, JwtSvidAttributes, X509CaAttributes, X509SvidAttributes
from finial.spiffe.id import SpiffeId
from finial.svid.subject import SPIFFE, SPIRE

WORKLOAD = SpiffeId.parse("spiffe://example.org/w")


class Silent(CredentialComposer):
    """Overrides nothing."""


def test_a_composer_leaves_as_it_is_what_it_says_nothing_about() -> None:
    composer = Silent()
    ca, svid, token = X509CaAttributes(SPIFFE), X509SvidAttributes(SPIRE), JwtSvidAttributes({"sub": "x"})
    assert composer.server_x509_ca(ca) is ca
    assert composer.server_x509_svid(svid) is svid
    assert composer.agent_x509_svid(WORKLOAD, b"", svid) is svid
    assert composer.workload_x509_svid(WORKLOAD, b"", svid) is svid
    assert composer.workload_jwt_svid(WORKLOAD, token) is token
