"""What the agent holds: entries, bundles, and an SVID for each entry that needs one. Pure.

In go entries and bundles from the server and SVIDs as they are signed; out come the identities for a set
of selectors, and the entries that need a (new) SVID (`agent.due`). Time is an argument; waking is a callback.

Rules:
- A view is what one set of selectors gets. Callers with equal selectors share it and all encodings of it.
- A view has no answer until an SVID is in hand for each of its entries. Afterwards an entry that is taken
  away leaves at once, and one that is added joins when its SVID is in hand.
- A subscriber is woken only when the answer of its own view changes.
- An SVID is never served for an entry that names another SPIFFE ID than the one it was signed for.

SPIRE 1.15 `pkg/agent/manager/cache`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from finial.agent.answer import Answer, HeldSvid, Identity, View
from finial.agent.due import Due, DueEntries
from finial.agent.selection import SelectorIndex, without_repeated_hints
from finial.errors import FinialError
from finial.registry.entry import Entry
from finial.spiffe.bundle import Bundle, BundleSet
from finial.spiffe.selector import Selector
from finial.spiffe.trust_domain import TrustDomain
from finial.svid.verify import verify_x509
from finial.svid.x509 import X509Svid


@dataclass(frozen=True, slots=True)
class Tally:
    """How many entries a change concerned."""

    added: int = 0
    updated: int = 0
    removed: int = 0


class Holdings:
    """Mutable, for one thread."""

    def __init__(self, bundle: Bundle, *, cache_size: int = 1000) -> None:
        self.trust_domain = bundle.trust_domain
        self._bundles: dict[TrustDomain, Bundle] = {bundle.trust_domain: bundle}
        self._entries: dict[str, Entry] = {}
        self._index = SelectorIndex()
        self._held: dict[str, HeldSvid] = {}  # in the order of last use
        self._views: dict[frozenset[Selector], View] = {}
        self._watched: dict[Selector, set[frozenset[Selector]]] = {}
        self._subscribed: Counter[str] = Counter()
        self._cache_size = cache_size
        self._due = DueEntries(self._entries, self._held, self._subscribed)

    # What there is

    @property
    def bundle(self) -> Bundle:
        """The bundle of the own trust domain."""
        return self._bundles[self.trust_domain]

    @property
    def bundles(self) -> BundleSet:
        return BundleSet(dict(self._bundles))

    @property
    def entries(self) -> dict[str, Entry]:
        """By entry ID; not to be changed."""
        return self._entries

    @property
    def svids(self) -> Mapping[str, HeldSvid]:
        """By entry ID, in the order of last use."""
        return self._held

    def held(self, entry_id: str) -> HeldSvid | None:
        return self._held.get(entry_id)

    def matching(self, selectors: frozenset[Selector]) -> list[Entry]:
        """Sorted by entry ID, hints unique."""
        return without_repeated_hints(self._index.matching(selectors))

    def bundles_for(self, selectors: frozenset[Selector]) -> BundleSet:
        """The own bundle and those that the matching entries federate with."""
        return BundleSet.of(self.bundle, *self._federated(self._index.matching(selectors)))

    # What comes from the server

    def set_entries(self, entries: Iterable[Entry]) -> Tally:
        """All entries there are: what is not among them is withdrawn."""
        given = {entry.id: entry for entry in entries}
        return self.change_entries(
            (entry for entry in given.values() if self._entries.get(entry.id) != entry),
            [entry_id for entry_id in self._entries if entry_id not in given],
        )

    def change_entries(self, upserted: Iterable[Entry], withdrawn: Iterable[str]) -> Tally:
        touched: set[frozenset[Selector]] = set()
        upserted, before = tuple(upserted), len(self._entries)
        for entry_id in withdrawn:
            touched.update(self._remove(entry_id))
        left = len(self._entries)
        for entry in upserted:
            touched.update(self._put(entry))
        self._refresh(touched)
        added = len(self._entries) - left
        return Tally(added, len(upserted) - added, before - left)

    def set_bundles(self, bundles: Iterable[Bundle], now: datetime) -> None:
        """All bundles there are. Without the own one among them, the known one stays."""
        own = self.bundle
        self._bundles = {self.trust_domain: own} | {one.trust_domain: one for one in bundles}
        self._mark_tainted(own, self.bundle, now)
        self._refresh(list(self._views))

    def store(self, entry_id: str, held: HeldSvid) -> None:
        """A freshly signed SVID. One for an entry that is gone or names another ID is dropped."""
        self.store_all({entry_id: held})

    def store_all(self, signed: dict[str, HeldSvid]) -> None:
        """As `store`, waking each subscriber once."""
        touched: set[frozenset[Selector]] = set()
        for entry_id, held in signed.items():
            entry = self._entries.get(entry_id)
            if entry is None or entry.spiffe_id != held.svid.id:
                continue
            self._hold(entry_id, held)
            touched.update(self._views_of(entry))
        self._evict()
        self._refresh(touched)

    # What is due

    def due(self, now: float, limit: int | None = None) -> list[Due]:
        """What needs signing, most urgent first; `now` is Unix seconds."""
        room = max(0, self._cache_size - len(self._held) - self._due.waiting)
        return self._due.at(now, room)[:limit]

    @property
    def awaited(self) -> bool:
        """Whether a workload waits for an SVID."""
        return self._due.waiting > 0

    def next_renewal(self) -> float | None:
        """Unix seconds of the first renewal to come by age, beyond what `due` has named; None: there is none."""
        return self._due.next_renewal()

    @property
    def tainted(self) -> frozenset[str]:
        """IDs of entries whose SVID a tainted root, or one that is gone, vouches for."""
        return frozenset(self._due.tainted)

    # Who waits for what

    def subscribe(self, selectors: frozenset[Selector], wake: Callable[[], None]) -> View:
        """The view of these selectors; `wake` is called after each change of its answer."""
        view = self._views.get(selectors)
        if view is None:
            view = self._views[selectors] = View(selectors)
            for selector in selectors:
                self._watched.setdefault(selector, set()).add(selectors)
            self._refresh([selectors])
        view.wake.add(wake)
        for entry in view.entries:
            self._touch(entry.id)
        return view

    def unsubscribe(self, view: View, wake: Callable[[], None]) -> None:
        """The last one to leave closes the view."""
        view.wake.discard(wake)
        if view.wake or self._views.get(view.selectors) is not view:
            return
        del self._views[view.selectors]
        self._count((), view.entries)
        for selector in view.selectors:
            watchers = self._watched[selector]
            watchers.discard(view.selectors)
            if not watchers:
                del self._watched[selector]
        self._evict()

    # Inside

    def _hold(self, entry_id: str, held: HeldSvid) -> None:
        self._held.pop(entry_id, None)
        self._held[entry_id] = held
        self._due.signed(entry_id, held)

    def _put(self, entry: Entry) -> Iterator[frozenset[Selector]]:
        before = self._entries.get(entry.id)
        if before is not None:
            yield from self._views_of(before)
        self._entries[entry.id] = entry
        if entry.store_svid:  # such an SVID goes to a store, not to a process
            self._index.remove(entry.id)
        else:
            self._index.put(entry)
        held = self._held.get(entry.id)
        if held is not None and held.svid.id != entry.spiffe_id:
            del self._held[entry.id]
        self._due.file(entry.id)
        yield from self._views_of(entry)

    def _remove(self, entry_id: str) -> Iterator[frozenset[Selector]]:
        entry = self._entries.pop(entry_id, None)
        if entry is None:
            return
        self._index.remove(entry_id)
        self._held.pop(entry_id, None)
        self._due.file(entry_id)
        yield from self._views_of(entry)

    def _views_of(self, entry: Entry) -> list[frozenset[Selector]]:
        """The views that this entry belongs to."""
        if not entry.selectors:
            return []
        candidates = min((self._watched.get(one, set()) for one in entry.selectors), key=len)
        return [selectors for selectors in candidates if selectors.issuperset(entry.selectors)]

    def _refresh(self, touched: Iterable[frozenset[Selector]]) -> None:
        for view in [self._views[selectors] for selectors in touched]:
            matching = tuple(self._index.matching(view.selectors))
            self._count(matching, view.entries)
            view.entries = matching
            answer = self._answer(view, matching)
            if answer is None or answer == view.answer:
                continue
            view.answer = answer
            for wake in tuple(view.wake):
                wake()

    def _count(self, more: Iterable[Entry], fewer: Iterable[Entry]) -> None:
        come, gone = {entry.id for entry in more}, {entry.id for entry in fewer}
        self._subscribed.update(come - gone)
        for entry_id in gone - come:
            self._subscribed[entry_id] -= 1
            if not self._subscribed[entry_id]:
                del self._subscribed[entry_id]
        for entry_id in come ^ gone:
            self._due.file(entry_id)

    def _answer(self, view: View, matching: tuple[Entry, ...]) -> Answer | None:
        """None: wait for more SVIDs."""
        wanted = without_repeated_hints(matching)
        ready = tuple(Identity(one, self._held[one.id]) for one in wanted if one.id in self._held)
        if len(ready) < len(wanted) and view.answer is None:
            return None
        pending = bool(wanted) and not ready
        return Answer(ready, self.bundle, self._federated(matching), pending)

    def _federated(self, entries: Iterable[Entry]) -> tuple[Bundle, ...]:
        wanted = {one for entry in entries for one in entry.federates_with} - {self.trust_domain}
        return tuple(self._bundles[one] for one in sorted(wanted) if one in self._bundles)

    def _mark_tainted(self, before: Bundle, after: Bundle, now: datetime) -> None:
        """SVIDs are due that a root vouches for which is newly tainted, or gone: who polls may never see the
        taint that came before a revocation."""
        known = {one.der for one in before.x509_authorities if one.tainted}
        fresh = [one for one in after.x509_authorities if one.tainted and one.der not in known]
        gone = [one for one in before.x509_authorities if one.der not in after.x509_roots]
        if not (fresh or gone):
            return
        suspects = BundleSet.of(Bundle(after.trust_domain, (*fresh, *gone)))
        self._due.taint([one for one, held in self._held.items() if signed_under(held.svid, suspects, now)])

    def _touch(self, entry_id: str) -> None:
        held = self._held.pop(entry_id, None)
        if held is not None:
            self._held[entry_id] = held

    def _evict(self) -> None:
        """Down to the cache size, longest unused first; what a subscriber gets stays."""
        surplus = len(self._held) - self._cache_size
        if surplus <= 0:
            return
        idle = [entry_id for entry_id in self._held if not self._subscribed[entry_id]]
        for entry_id in idle[:surplus]:
            del self._held[entry_id]
            self._due.file(entry_id)


def signed_under(svid: X509Svid, roots: BundleSet, now: datetime) -> bool:
    try:
        verify_x509(svid.chain, roots, now)
    except FinialError:
        return False
    return True
