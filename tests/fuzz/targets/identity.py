"""Names: IDs, trust domains, paths, selectors, DNS names, addresses. What is accepted is canonical."""

from __future__ import annotations

from tests.fuzz.target import target, text_of

from finial.client.endpoint import Endpoint
from finial.registry.dns_name import check_dns_name, check_no_overlap
from finial.spiffe.id import SpiffeId
from finial.spiffe.path import check_path
from finial.spiffe.selector import Selector
from finial.spiffe.trust_domain import TrustDomain

WORDS = (
    b"spiffe://",
    b"example.org",
    b"/",
    b"//",
    b"/.",
    b"/..",
    b"%2f",
    b"a",
    b"-",
    b"_",
    b":",
    b"@",
    b"SPIFFE://",
)


@target("id", reads=("spiffe/id.py", "spiffe/trust_domain.py", "spiffe/path.py"), words=WORDS)
def read_id(data: bytes) -> None:
    text = text_of(data)
    found = SpiffeId.parse(text)
    assert str(found) == text
    assert SpiffeId.of(found.trust_domain, found.path) == found


@target("trust-domain", reads=("spiffe/trust_domain.py",), words=WORDS)
def read_trust_domain(data: bytes) -> None:
    found = TrustDomain.parse(text_of(data))
    assert TrustDomain.parse(found.name) == found == TrustDomain.parse(found.uri)
    assert SpiffeId.parse(found.uri).trust_domain == found


@target("path", reads=("spiffe/path.py",), words=WORDS)
def read_path(data: bytes) -> None:
    text = text_of(data)
    assert check_path(text) == text
    assert SpiffeId.parse(f"spiffe://example.org{text}").path == text


@target("selector", reads=("spiffe/selector.py",), words=(b":", b"unix:uid:0", b"a"))
def read_selector(data: bytes) -> None:
    text = text_of(data)
    found = Selector.parse(text)
    assert str(found) == text
    assert Selector.of(found.type, found.value) == found


@target("dns-name", reads=("registry/dns_name.py",), words=(b"*.", b".", b"-", b"xn--", b"a", b"\n"))
def read_dns_name(data: bytes) -> None:
    """One a line: a list, as an entry has it."""
    names = text_of(data).split("\n")
    for name in names:
        check_dns_name(name)
    check_no_overlap(names)


@target(
    "endpoint",
    reads=("client/endpoint.py",),
    words=(b"unix://", b"tcp://", b"[::1]", b":8080", b"/", b"?", b"#", b"@"),
)
def read_endpoint(data: bytes) -> None:
    found = Endpoint.parse(text_of(data))
    assert found.path.startswith("/") or 0 < found.port < 65536
