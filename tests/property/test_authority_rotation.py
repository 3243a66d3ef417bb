"""Rotation on a virtual time line: at no moment is a valid SVID refused by a verifier.

Real keys and our own verifier, which sees the bundle as it was a while ago. Life times are random, and so
are long sleeps of the server, restarts, and operators who rotate by hand.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from finial.authority.ca import X509Ca, public_bytes, self_signed
from finial.authority.issue import Issuer
from finial.authority.journal import Journal, JwtKeyRecord, X509CaRecord
from finial.authority.jwt import JwtIssuer, JwtKey, new_key_id
from finial.authority.policy import Policy
from finial.authority.rotation import Rotation
from finial.authority.slots import Kind
from finial.authority.steps import Activate, Effect, Persist, Prepare, Publish, Sign
from finial.plugin.kinds import PrivateKey
from finial.registry.entry import Entry
from finial.spiffe.bundle import Bundle, BundleSet, X509Authority
from finial.spiffe.id import SpiffeId
from finial.spiffe.trust_domain import TrustDomain
from finial.svid import csr, jwt
from finial.svid.certificate import read
from finial.svid.verify import verify_x509
from finial.svid.x509 import X509Svid

START = datetime(2026, 1, 1, tzinfo=UTC)
DOMAIN = TrustDomain("example.org")
REQUEST = csr.parse(csr.create(ec.generate_private_key(ec.SECP256R1())))
ENTRY = Entry("e", SpiffeId(DOMAIN, "/w"), SpiffeId(DOMAIN, "/n"), ())


@dataclass
class Server:
    """Runs the effects on things in memory that outlive it, as the real one does on disk and database."""

    policy: Policy
    keys: dict[str, PrivateKey] = field(default_factory=dict)
    bundle: Bundle = field(default_factory=lambda: Bundle(DOMAIN))
    journal: Journal = field(default_factory=Journal)
    state: Rotation = field(default_factory=Rotation)
    cas: dict[str, X509Ca] = field(default_factory=dict)
    jwt_keys: dict[str, JwtKey] = field(default_factory=dict)
    issuer: Issuer | None = None
    jwt_issuer: JwtIssuer | None = None

    def rotate(self, now: datetime) -> None:
        while (step := self.state.due(now.timestamp())) is not None:
            self.apply(step, now)

    def apply(self, step: Prepare | Activate, now: datetime) -> None:
        done = self.state.activated(step.kind) if isinstance(step, Activate) else None
        if isinstance(step, Prepare):
            key = self.keys[step.key_id] = ec.generate_private_key(ec.SECP256R1())
            issued_at = int(now.timestamp())
            if step.kind is Kind.X509:
                ca = self_signed(self.policy, key, now)
                self.cas[ca.authority_id] = ca
                done = self.state.prepared_ca(ca.record(step.slot_id, issued_at), ca.roots)
            else:
                made = JwtKey(new_key_id(), key, now + timedelta(seconds=self.policy.ca_ttl))
                self.jwt_keys[made.key_id] = made
                done = self.state.prepared_key(made.record(step.slot_id, issued_at))
        assert done is not None
        for effect in done.effects:
            self.run(effect)
        self.state = done.state

    def run(self, effect: Effect) -> None:
        match effect:
            case Publish(roots, keys):
                added = Bundle(DOMAIN, tuple(X509Authority(root) for root in roots), keys)
                self.bundle = self.bundle.appended(added)
            case Persist(journal):
                self.journal = journal
            case Sign(Kind.X509, authority_id):
                self.issuer = Issuer(self.cas[authority_id], self.policy)
            case Sign(Kind.JWT, authority_id):
                self.jwt_issuer = JwtIssuer(self.jwt_keys[authority_id], self.policy)

    def restart(self) -> None:
        """All that is in memory only is lost."""
        published = set(self.bundle.x509_roots)

        def usable_ca(record: X509CaRecord) -> bool:
            key = self.keys.get(Kind.X509.key_id(record.slot_id))
            same = key is not None and public_bytes(key) == read(record.certificate).public_key
            return same and record.certificate in published

        def usable_key(record: JwtKeyRecord) -> bool:
            key = self.keys.get(Kind.JWT.key_id(record.slot_id))
            same = key is not None and public_bytes(key) == record.public_key
            return same and self.bundle.jwt_authority(record.key_id) is not None

        loaded = Rotation.load(self.journal, usable_ca, usable_key)
        for kind in Kind:
            before, after = self.state.slots(kind), loaded.slots(kind)
            assert (after.current, after.prepared) == (before.current, before.prepared)
        self.state = loaded

    def prune(self, now: datetime) -> None:
        """Stricter than SPIRE, which keeps what has expired for a day more."""
        kept = tuple(one for one in self.bundle.x509_authorities if read(one.der).not_after > now)
        keys = tuple(one for one in self.bundle.jwt_authorities if one.expires_at > now.timestamp())
        self.bundle = replace(self.bundle, x509_authorities=kept, jwt_authorities=keys)


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(
    ca_ttl=st.integers(120, 400_000),
    svid_share=st.floats(0.01, 3),
    sleeps=st.sets(st.integers(5, 110), max_size=4),
    restarts=st.sets(st.integers(1, 110), max_size=4),
    by_hand=st.sets(st.integers(1, 110), max_size=2),
)
def test_no_valid_svid_is_ever_refused(
    ca_ttl: int, svid_share: float, sleeps: set[int], restarts: set[int], by_hand: set[int]
) -> None:
    ttl = max(1, int(ca_ttl * svid_share))
    server = Server(Policy(trust_domain=DOMAIN, ca_ttl=ca_ttl, x509_svid_ttl=ttl, jwt_svid_ttl=ttl))
    tick = timedelta(seconds=ca_ttl / 40)
    now, issued, tokens, seen = START, list[X509Svid](), list[jwt.JwtSvid](), list[Bundle]()
    for turn in range(110):
        now += tick * 30 if turn in sleeps else tick
        server.rotate(now)
        if turn in restarts:
            server.restart()
        if turn in by_hand and server.state.x509.prepared is None:
            server.apply(Prepare(Kind.X509, server.state.x509.free_slot), now)
        server.prune(now)
        assert server.issuer is not None and server.jwt_issuer is not None
        issued.append(server.issuer.sign(server.policy.workload(ENTRY, REQUEST), now))
        tokens.append(server.jwt_issuer.sign(server.policy.workload_jwt(ENTRY, ["a"]), now))
        seen.append(server.bundle)
        # A verifier that is behind by an eighth of a life. What was prepared after a sleep may be needed at once.
        woken = max((one for one in sleeps if one <= turn), default=0)
        behind = seen[max(turn - 5, woken)]
        check(BundleSet.of(server.bundle), issued, tokens, now)
        check(BundleSet.of(behind), issued[-1:], tokens[-1:], now)


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(
    ca_ttl=st.integers(120, 400_000),
    shifts=st.lists(st.floats(-1.5, 0.7) | st.floats(-0.01, 0.01), min_size=5, max_size=25),
    by_hand=st.sets(st.integers(0, 24), max_size=3),
    restarts=st.sets(st.integers(0, 24), max_size=3),
)
def test_wherever_the_clock_is_set_what_is_signed_is_good_at_that_moment(
    ca_ttl: int, shifts: list[float], by_hand: set[int], restarts: set[int]
) -> None:
    """And of what was signed before, all that is valid by its own dates."""
    server = Server(Policy(trust_domain=DOMAIN, ca_ttl=ca_ttl, x509_svid_ttl=ca_ttl, jwt_svid_ttl=ca_ttl))
    now, issued = START, list[X509Svid]()
    for turn, shift in enumerate(shifts):
        now += timedelta(seconds=shift * ca_ttl)
        server.rotate(now)
        if turn in restarts:
            server.restart()
        if turn in by_hand and server.state.x509.prepared is None:
            server.apply(Prepare(Kind.X509, server.state.x509.free_slot), now)
        assert server.issuer is not None and server.jwt_issuer is not None
        issued.append(server.issuer.sign(server.policy.workload(ENTRY, REQUEST), now))
        tokens = [server.jwt_issuer.sign(server.policy.workload_jwt(ENTRY, ["a"]), now)]
        good = [one for one in issued if one.not_before <= now]
        check(BundleSet.of(server.bundle), good, tokens, now)


def check(bundles: BundleSet, issued: list[X509Svid], tokens: list[jwt.JwtSvid], now: datetime) -> None:
    """Those that are still valid verify: the oldest, the newest and some between."""
    issued[:] = [one for one in issued if one.not_after > now]
    tokens[:] = [one for one in tokens if one.expires_at > now.timestamp()]
    for index in {0, len(issued) // 2, len(issued) - 1} if issued else ():
        assert verify_x509(issued[index].chain, bundles, now) == issued[index]
    for index in {0, len(tokens) - 1} if tokens else ():
        assert jwt.verify(tokens[index].token, bundles, "a", now.timestamp()) == tokens[index]
