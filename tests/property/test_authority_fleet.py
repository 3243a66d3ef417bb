"""Two servers on one store, three nodes, operators and accidents at random, on a virtual clock.

One server signs its own CA, the other is below an upstream authority that changes its root. At each tick our own
verifier holds each SVID that is valid against each bundle there is:

- the store's bundle trusts it, unless an operator revoked a root above it;
- so does the bundle of each node, asleep or late, as of its last look, but for two: a root above it was revoked,
  or its authority signed before the node could know it, since the node was gone (nobody waits for it then), it was
  the server's first, an operator activated it, or it could wait no longer (SPIRE's own timer);
- a node that looked after a taint holds nothing that a tainted root alone vouches for, where its server can sign.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from finial.authority.by_hand import revoked, tainted, upstream_revoked, upstream_tainted
from finial.authority.ca import X509Ca, public_bytes, self_signed, upstream_request
from finial.authority.issue import Issuer
from finial.authority.journal import Journal, X509CaRecord
from finial.authority.policy import Policy
from finial.authority.rotation import Rotation, Transition
from finial.authority.slots import Kind
from finial.authority.steps import Activate, Effect, Persist, Prepare, Publish, Revoke, Sign, Taint
from finial.authority.upstream import ca_of, is_vouched_for
from finial.errors import FinialError, Unauthenticated
from finial.plugin.kinds import PrivateKey
from finial.registry.entry import Entry
from finial.spiffe.bundle import Bundle, BundleSet, X509Authority
from finial.spiffe.id import SpiffeId
from finial.spiffe.trust_domain import TrustDomain
from finial.store.bundle_changes import pruned, revoke_x509, taint_x509
from finial.svid import csr
from finial.svid.certificate import read
from finial.svid.verify import verify_x509
from finial.svid.x509 import X509Svid
from finial.testing.ca import TestCa
from finial.testing.upstream import MemoryUpstream

START = datetime(2026, 1, 1, tzinfo=UTC)
DOMAIN = TrustDomain("example.org")
REQUEST = csr.parse(csr.create(ec.generate_private_key(ec.SECP256R1())))
ENTRY = Entry("e", SpiffeId(DOMAIN, "/w"), SpiffeId(DOMAIN, "/n"), ())
TICKS = 48  # to a CA's life
AFTER = st.integers(2, 10)  # ticks that pass after each accident


@dataclass
class World:
    """The store's bundle and the clock. `early`: authorities that signed before everybody could know them."""

    now: datetime = START
    bundle: Bundle = field(default_factory=lambda: Bundle(DOMAIN))
    revoked: set[bytes] = field(default_factory=set)  # DER
    early: set[str] = field(default_factory=set)
    published: dict[str, datetime] = field(default_factory=dict)  # by authority ID


@dataclass
class Server:
    world: World
    policy: Policy
    upstream: MemoryUpstream | None = None
    keys: dict[str, PrivateKey] = field(default_factory=dict)
    journal: Journal = field(default_factory=Journal)
    state: Rotation = field(default_factory=Rotation)
    issuer: Issuer | None = None
    asleep: int = 0  # ticks

    def rotate(self, nodes: list[Node]) -> None:
        def acknowledged(authority_id: str) -> bool:
            at = self.world.published[authority_id]
            return all(node.looked_at >= at for node in nodes if not node.gone)

        while (step := self.state.due(self.world.now.timestamp(), acknowledged, (Kind.X509,))) is not None:
            if isinstance(step, Activate):
                self.activate(early=step.left_behind)
            elif not self.prepare(step):
                return

    def prepare(self, step: Prepare) -> bool:
        key = self.keys[step.key_id] = ec.generate_private_key(ec.SECP256R1())
        self.state = self.state.without_next(Kind.X509)
        try:
            ca = self.certified(key)
        except FinialError:
            return False
        self.world.published[ca.authority_id] = self.world.now
        self.apply(self.state.prepared_ca(ca.record(step.slot_id, int(self.world.now.timestamp())), ca.roots))
        return True

    def certified(self, key: PrivateKey) -> X509Ca:
        if self.upstream is None:
            return self_signed(self.policy, key, self.world.now)
        minting = self.upstream.mint_x509_ca(upstream_request(self.policy, key), self.policy.ca_ttl)
        return ca_of(asyncio.run(minting), self.policy, key, self.world.now)

    def activate(self, *, early: bool) -> None:
        prepared = self.state.x509.prepared
        assert prepared is not None
        if early or self.state.x509.current is None:
            self.world.early.add(prepared.authority_id)
        self.apply(self.state.activated(Kind.X509))

    def apply(self, transition: Transition) -> None:
        for effect in transition.effects:
            self.run(effect, transition.state)
        self.state = transition.state

    def run(self, effect: Effect, state: Rotation) -> None:
        world = self.world
        match effect:
            case Publish(roots, _):
                added = Bundle(DOMAIN, tuple(X509Authority(root) for root in roots))
                world.bundle = world.bundle.appended(added)
                world.revoked.difference_update(roots)
            case Persist(journal):
                self.journal = journal
            case Sign(_, _):
                self.sign_with(state.x509.current)
            case Taint(_, authority_id):
                world.bundle = taint_x509(world.bundle, authority_id)
            case Revoke(_, authority_id):
                before = world.bundle.x509_roots
                world.bundle = revoke_x509(world.bundle, authority_id)
                world.revoked |= set(before) - set(world.bundle.x509_roots)

    def sign_with(self, record: X509CaRecord | None) -> None:
        assert record is not None
        key = self.keys[Kind.X509.key_id(record.slot_id)]
        self.issuer = Issuer(X509Ca(record.certificate, key, record.upstream_chain), self.policy)

    def restart(self) -> None:
        """All that is in memory only is lost."""

        def usable(one: X509CaRecord) -> bool:
            key = self.keys.get(Kind.X509.key_id(one.slot_id))
            same = key is not None and public_bytes(key) == read(one.certificate).public_key
            return same and is_vouched_for(one, self.world.bundle.x509_roots, self.world.now)

        self.state = Rotation.load(self.journal, usable, lambda _: False)
        self.issuer = None
        if self.state.x509.current is not None:
            self.sign_with(self.state.x509.current)

    def sign(self) -> X509Svid | None:
        if self.asleep or self.issuer is None or self.issuer.ca.not_after <= self.world.now:
            return None
        return self.issuer.sign(self.policy.workload(ENTRY, REQUEST), self.world.now)


@dataclass
class Node:
    """Looks at the bundle each tick unless it is `away`; whoever is gone is not waited for."""

    bundle: Bundle
    looked_at: datetime
    svid: X509Svid | None = None
    away: int = 0  # ticks
    gone: bool = False

    def look(self, server: Server) -> None:
        self.bundle, self.looked_at, self.gone = server.world.bundle, server.world.now, False
        if self.svid is None or self._due(self.svid, server.world.now):
            self.svid = server.sign() or self.svid

    def _due(self, svid: X509Svid, now: datetime) -> bool:
        half = svid.not_before + (svid.not_after - svid.not_before) / 2
        return now >= half or not trusts(sound(self.bundle), svid, now)


def trusts(bundle: Bundle, svid: X509Svid, now: datetime) -> bool:
    try:
        return verify_x509(svid.chain, BundleSet.of(bundle), now) == svid
    except Unauthenticated:
        return False


def sound(bundle: Bundle) -> Bundle:
    return replace(bundle, x509_authorities=tuple(one for one in bundle.x509_authorities if not one.tainted))


def signer_of(svid: X509Svid) -> str:
    return (read(svid.chain[0]).authority_key_id or b"").hex()


class Fleet(RuleBasedStateMachine):
    @initialize(ca_ttl=st.integers(600, 400_000), share=st.floats(0.02, 2))
    def begin(self, ca_ttl: int, share: float) -> None:
        self.world, self.tick = World(), timedelta(seconds=ca_ttl / TICKS)
        policy = Policy(trust_domain=DOMAIN, ca_ttl=ca_ttl, x509_svid_ttl=max(60, int(ca_ttl * share)))
        self.above = MemoryUpstream(lambda: self.world.now, self.new_root())
        self.servers = [Server(self.world, policy), Server(self.world, policy, self.above)]
        for server in self.servers:
            server.rotate([])
        self.nodes = [Node(self.world.bundle, START) for _ in range(3)]
        self.issued: dict[str, X509Svid] = {}  # of each authority the one that ends last

    def new_root(self) -> TestCa:
        life = self.tick * TICKS * 20
        return TestCa(name=f"root at {self.world.now}", now=self.world.now, lifetime=life)

    def one_tick(self) -> None:
        self.world.now += self.tick
        for server in self.servers:
            server.asleep = max(0, server.asleep - 1)
            if not server.asleep:
                server.rotate(self.nodes)
        ended = int(self.world.now.timestamp())  # stricter than SPIRE, which keeps them for a day
        self.world.bundle = pruned(self.world.bundle, ended)
        for number, node in enumerate(self.nodes):
            node.away = max(0, node.away - 1)
            if not node.away:
                node.look(self.servers[number % 2])
        for server in self.servers:
            if (svid := server.sign()) is not None:
                self.issued[signer_of(svid)] = svid

    @rule(ticks=st.integers(6, 16))
    def time_passes(self, ticks: int) -> None:
        for _ in range(ticks):
            self.one_tick()
            self.check()

    @rule(which=st.integers(0, 1), ticks=st.integers(1, 60), after=AFTER)
    def a_server_sleeps(self, which: int, ticks: int, after: int) -> None:
        self.servers[which].asleep = ticks
        self.time_passes(after)

    @rule(which=st.integers(0, 2), ticks=st.integers(1, 40), gone=st.booleans(), after=AFTER)
    def a_node_misses_its_looks(self, which: int, ticks: int, gone: bool, after: int) -> None:
        self.nodes[which].away = ticks
        self.nodes[which].gone |= gone
        self.time_passes(after)

    @rule(which=st.integers(0, 1), keys_lost=st.booleans(), after=AFTER)
    def a_server_restarts(self, which: int, keys_lost: bool, after: int) -> None:
        server = self.servers[which]
        if keys_lost:
            server.keys.clear()
        server.restart()
        if not server.asleep:
            server.rotate(self.nodes)
        self.time_passes(after)

    @rule(which=st.integers(0, 1), after=AFTER)
    def an_operator_prepares(self, which: int, after: int) -> None:
        server = self.servers[which]
        server.prepare(Prepare(Kind.X509, server.state.x509.free_slot))
        self.time_passes(after)

    @rule(which=st.integers(0, 1), after=AFTER)
    def an_operator_activates(self, which: int, after: int) -> None:
        if self.servers[which].state.x509.prepared is not None:
            self.servers[which].activate(early=True)
        self.time_passes(after)

    @rule(which=st.integers(0, 1), kind=st.sampled_from([Taint, Revoke]), after=AFTER)
    def an_operator_taints_or_revokes(self, which: int, kind: type[Taint] | type[Revoke], after: int) -> None:
        """What may be is decided by the rotation and the bundle; that a refusal changes nothing is seen after."""
        server, state = self.servers[which], self.servers[which].state
        old = state.x509.old
        with suppress(FinialError):
            if old is not None and server.upstream is not None:
                above = upstream_tainted if kind is Taint else upstream_revoked
                server.apply(above(state, old.upstream_authority_id))
            elif old is not None:
                change = tainted if kind is Taint else revoked
                server.apply(change(state, Kind.X509, old.authority_id))
        self.time_passes(after)

    @rule(announced=st.booleans(), after=AFTER)
    def the_upstream_changes_its_root(self, announced: bool, after: int) -> None:
        self.above.ca = self.new_root()
        if announced:
            self.servers[1].run(Publish(x509=(self.above.ca.der,)), self.servers[1].state)
        self.time_passes(after)

    @rule(gone=st.booleans(), after=AFTER)
    def the_upstream_goes_or_comes_back(self, gone: bool, after: int) -> None:
        self.above.gone = gone
        self.time_passes(after)

    def check(self) -> None:
        now = self.world.now
        held = [node.svid for node in self.nodes if node.svid is not None]
        for svid in [one for one in (*self.issued.values(), *held) if one.not_after > now]:
            if self.below_revoked(svid):
                continue
            assert trusts(self.world.bundle, svid, now), "the store's bundle does not trust a valid SVID"
            authority = signer_of(svid)
            for node in self.nodes:
                unaware = node.looked_at < self.world.published[authority]
                unaware &= node.gone or authority in self.world.early
                assert unaware or trusts(node.bundle, svid, now), "a node does not trust a valid SVID"
        for number, node in enumerate(self.nodes):
            if node.svid is None or node.looked_at != now or trusts(sound(node.bundle), node.svid, now):
                continue
            fresh = self.servers[number % 2].sign()
            assert fresh is None or not trusts(sound(node.bundle), fresh, now), "a tainted SVID is kept"

    def below_revoked(self, svid: X509Svid) -> bool:
        roots = tuple(X509Authority(der) for der in self.world.revoked)
        return bool(roots) and trusts(Bundle(DOMAIN, roots), svid, self.world.now)


Fleet.TestCase.settings = settings(
    max_examples=6,
    stateful_step_count=12,
    derandomize=True,
    deadline=None,
    phases=[Phase.generate],  # to shrink takes minutes
    suppress_health_check=list(HealthCheck),
)


TestFleet = pytest.mark.slow(Fleet.TestCase)
