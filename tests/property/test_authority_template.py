"""The DER template against pyca's builder: the same bytes for random inputs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from finial.authority.ca import X509Ca, hash_for, public_bytes, self_signed
from finial.authority.policy import Policy, X509Request
from finial.authority.template import LeafTemplate, reference_builder
from finial.plugin.kinds import Extension
from finial.spiffe.id import SpiffeId
from finial.spiffe.trust_domain import TrustDomain
from finial.svid.subject import MAX_COMMON_NAME, Subject

DOMAIN = TrustDomain("example.org")
NOW = datetime(2026, 11, 25, tzinfo=UTC)
CAS = [
    self_signed(Policy(trust_domain=DOMAIN), key, NOW)
    for key in (ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP384R1()))
]
KEYS = [public_bytes(ca.private_key) for ca in CAS]
TEXTS = st.text(st.characters(min_codepoint=32, max_codepoint=0x24F), max_size=60)
NAMES = TEXTS.filter(lambda text: len(text.encode()) <= MAX_COMMON_NAME)
VALUES = st.lists(TEXTS.filter(bool), max_size=3).map(tuple)
SUBJECTS = st.builds(
    Subject,
    countries=st.lists(st.text("ABCDEFG", min_size=2, max_size=2), max_size=2).map(tuple),
    organizations=VALUES,
    units=VALUES,
    localities=VALUES,
    provinces=VALUES,
    common_name=NAMES,
    serial_number=TEXTS,
    more=st.lists(
        st.tuples(st.sampled_from(["2.5.4.45", "2.5.4.3", "1.3.6.1.4.1.99999.7"]), NAMES.filter(bool)),
        max_size=2,
    ).map(tuple),
)
DNS_NAMES = st.lists(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1), max_size=8)
PATHS = st.text("abcXYZ019._-", min_size=1, max_size=300).filter(lambda text: text not in (".", ".."))
ARCS = st.lists(st.integers(0, 2**40), min_size=1, max_size=5).map(lambda arcs: ".".join(map(str, arcs)))
EXTENSIONS = st.lists(
    st.builds(Extension, ARCS.map("2.999.{}".format), st.binary(max_size=300), st.booleans()),
    max_size=3,
    unique_by=lambda one: one.oid,
).map(tuple)
MOMENTS = st.datetimes(datetime(1960, 1, 1), datetime(2190, 1, 1))


@settings(max_examples=300, deadline=None)
@given(
    ca=st.sampled_from(CAS),
    key=st.sampled_from(KEYS),
    subject=SUBJECTS,
    dns_names=DNS_NAMES,
    path=PATHS,
    serial=st.integers(1, 2**128 - 1),
    moment=MOMENTS,
    ttl=st.integers(1, 10**8),
    extensions=EXTENSIONS,
)
def test_template_equals_reference(
    ca: X509Ca,
    key: bytes,
    subject: Subject,
    dns_names: list[str],
    path: str,
    serial: int,
    moment: datetime,
    ttl: int,
    extensions: tuple[Extension, ...],
) -> None:
    now = moment.replace(tzinfo=UTC)
    request = X509Request(SpiffeId(DOMAIN, f"/{path}"), key, subject, tuple(dns_names), ttl, extensions)
    not_after = now + timedelta(seconds=ttl)
    reference = reference_builder(ca, request, serial, now, not_after)
    signed = reference.sign(ca.private_key, hash_for(ca.private_key))
    tbs = LeafTemplate(ca).tbs(request, serial, now, not_after)
    assert tbs.hex() == signed.tbs_certificate_bytes.hex()
