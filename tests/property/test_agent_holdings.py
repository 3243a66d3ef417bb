"""Whatever is done in whatever order, a workload's answer is what the rules say, and no wake is missed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from finial.agent.answer import Answer, HeldSvid, View
from finial.agent.selection import without_repeated_hints
from finial.agent.svids import Holdings
from finial.registry.entry import Entry
from finial.spiffe.bundle import Bundle, X509Authority
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.spiffe.trust_domain import TrustDomain
from finial.svid.x509 import X509Svid

OWN, OTHER = TrustDomain("example.org"), TrustDomain("other.test")
PARENT = SpiffeId.parse("spiffe://example.org/node")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = st.sampled_from("abcdef")
SELECTORS = st.frozensets(st.sampled_from([Selector("t", one) for one in "123"]), max_size=3)


@dataclass(eq=False)
class Caller:
    """What it would have sent: the answer at its last wake."""

    view: View | None = None
    seen: Answer | None = None

    def wake(self) -> None:
        assert self.view is not None
        self.seen = self.view.answer


class Machine(RuleBasedStateMachine):
    @initialize()
    def start(self) -> None:
        self.holdings = Holdings(Bundle(OWN), cache_size=1000)
        self.entries: dict[str, Entry] = {}
        self.callers: list[Caller] = []

    @rule(name=NAMES, selectors=SELECTORS, path=st.sampled_from("xy"), hint=st.sampled_from(["", "h"]))
    def put(self, name: str, selectors: frozenset[Selector], path: str, hint: str) -> None:
        before = self.entries.get(name)
        self.entries[name] = Entry(
            name,
            SpiffeId.parse(f"spiffe://example.org/{path}"),
            PARENT,
            tuple(sorted(selectors)),
            hint=hint,
            federates_with=(OTHER,) if path == "y" else (),
            revision_number=before.revision_number + 1 if before else 0,
        )
        self.holdings.change_entries([self.entries[name]], [])

    @rule(name=NAMES)
    def withdraw(self, name: str) -> None:
        self.entries.pop(name, None)
        self.holdings.change_entries([], [name])

    @rule()
    def replace_all(self) -> None:
        self.holdings.set_entries(self.entries.values())

    @rule(root=st.sampled_from([b"1", b"2"]), known=st.booleans())
    def trust(self, root: bytes, known: bool) -> None:
        own = Bundle(OWN, (X509Authority(root),))
        self.holdings.set_bundles([own, *([Bundle(OTHER, (X509Authority(root),))] if known else [])], NOW)

    @rule()
    def sign_all(self) -> None:
        due = self.holdings.due(NOW.timestamp())
        self.holdings.store_all({one.entry.id: signed(one.entry) for one in due})
        assert self.holdings.due(NOW.timestamp()) == []

    @rule()
    def sign_one(self) -> None:
        for one in self.holdings.due(NOW.timestamp(), limit=1):
            self.holdings.store(one.entry.id, signed(one.entry))

    @rule(selectors=SELECTORS)
    def subscribe(self, selectors: frozenset[Selector]) -> None:
        caller = Caller()
        caller.view = self.holdings.subscribe(selectors, caller.wake)
        caller.seen = caller.view.answer
        self.callers.append(caller)

    @rule(position=st.integers(0, 5))
    def leave(self, position: int) -> None:
        if position < len(self.callers):
            caller = self.callers.pop(position)
            assert caller.view is not None
            self.holdings.unsubscribe(caller.view, caller.wake)

    @invariant()
    def each_caller_knows_the_answer_of_its_view(self) -> None:
        for caller in getattr(self, "callers", []):
            assert caller.view is not None
            assert caller.seen == caller.view.answer

    @invariant()
    def an_answer_holds_what_applies_and_nothing_else(self) -> None:
        for caller in getattr(self, "callers", []):
            view, answer = caller.view, caller.seen
            assert view is not None
            applies = self.applying(view.selectors)
            if answer is None:
                assert applies
                continue
            assert answer.bundle == self.holdings.bundle
            ids = [one.entry.id for one in answer.identities]
            ready = [one.id for one in applies if self.holdings.held(one.id)]
            assert ids == ready
            assert answer.pending == (bool(applies) and not ready)
            for one in answer.identities:
                assert one.held.svid.id == one.entry.spiffe_id

    def applying(self, selectors: frozenset[Selector]) -> list[Entry]:
        found = [
            one for one in self.entries.values() if one.selectors and selectors.issuperset(one.selectors)
        ]
        return without_repeated_hints(sorted(found, key=lambda one: one.id))


def signed(entry: Entry) -> HeldSvid:
    svid = X509Svid(entry.spiffe_id, (b"leaf",), NOW, NOW + timedelta(hours=1), 1, b"")
    return HeldSvid(svid, b"", entry.revision_number, entry.created_at, NOW.timestamp() + 1800)


Machine.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestHoldings = Machine.TestCase
