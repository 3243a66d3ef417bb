from __future__ import annotations

import pytest
import spiffe

from finial.client.pyspiffe import SpiffeId, TrustDomain
from finial.client.pyspiffe.errors import SpiffeIdError, TrustDomainError


@pytest.mark.parametrize(
    "text", ["spiffe://example.org/web", "spiffe://example.org", "SPIFFE://Example.ORG/Web/A"]
)
def test_an_id_is_that_of_py_spiffe(text: str) -> None:
    ours, theirs = SpiffeId(text), spiffe.SpiffeId(text)
    assert (str(ours), ours.path, ours.trust_domain.name) == (
        str(theirs),
        theirs.path,
        theirs.trust_domain.name,
    )
    assert ours == SpiffeId(str(theirs)) == str(theirs)
    assert len({ours, SpiffeId(str(theirs))}) == 1
    assert ours != SpiffeId("spiffe://other.test/web")


@pytest.mark.parametrize("text", ["example.org", "spiffe://Example.org/web", "EXAMPLE.org"])
def test_a_trust_domain_is_that_of_py_spiffe(text: str) -> None:
    ours, theirs = TrustDomain(text), spiffe.TrustDomain(text)
    assert (str(ours), ours.name, ours.as_spiffe_id()) == (str(theirs), theirs.name, theirs.as_spiffe_id())
    assert ours == "example.org"
    assert len({ours, TrustDomain("example.org")}) == 1
    assert ours.checked().name == "example.org"


@pytest.mark.parametrize("text", ["", "http://example.org/web", "spiffe://", "spiffe://example.org//", "web"])
def test_what_py_spiffe_refuses_is_refused(text: str) -> None:
    with pytest.raises(spiffe.spiffe_id.spiffe_id.SpiffeIdError):
        spiffe.SpiffeId(text)
    with pytest.raises(SpiffeIdError, match="Invalid SPIFFE ID"):
        SpiffeId(text)


@pytest.mark.parametrize("text", ["", "http://example.org", "exa mple"])
def test_what_is_no_trust_domain_is_refused(text: str) -> None:
    with pytest.raises(TrustDomainError, match="Invalid trust domain"):
        TrustDomain(text)
