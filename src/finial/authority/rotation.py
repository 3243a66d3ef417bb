"""All authorities of one server, and each change of them as a value: a state in, state and effects out. Pure.

    (empty) --prepare--> prepared --activate--> active --the next is activated--> old --taint--> --revoke--> gone

A transition is the state after it, and the effects that lead there, in an order in which a crash between
any two heals at the next start. The caller runs the effects one by one and takes the new state when all are
done; each can be repeated. Published comes before persisted, since a root too many in the bundle does no harm
and a CA that nobody trusts does; persisted comes before signing, so that a restarted server goes on with the
authority it last signed with. When a step is due: `slots`; what operators ask for: `by_hand`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from finial.authority.journal import Journal, JwtKeyRecord, Status, X509CaRecord, put
from finial.authority.slots import AnySlots, Kind, Record, Slots
from finial.authority.steps import Activate, Effect, Persist, Prepare, Publish, Sign
from finial.errors import Internal
from finial.spiffe.bundle import JwtAuthority


@dataclass(frozen=True, slots=True)
class Transition:
    """Run `effects` in order, then go on with `state`."""

    state: Rotation
    effects: tuple[Effect, ...]


def nobody(authority_id: str) -> bool:
    """No acknowledgement is ever known: activation keeps SPIRE's own timer."""
    return False


@dataclass(frozen=True, slots=True)
class Rotation:
    """All authorities of one server."""

    journal: Journal = Journal()  # noqa: RUF009  # frozen
    x509: Slots[X509CaRecord] = Slots()  # noqa: RUF009  # frozen
    jwt: Slots[JwtKeyRecord] = Slots()  # noqa: RUF009  # frozen

    @classmethod
    def load(
        cls,
        journal: Journal,
        usable_ca: Callable[[X509CaRecord], bool],
        usable_key: Callable[[JwtKeyRecord], bool],
    ) -> Rotation:
        """After a start. A record is usable if the KeyManager holds its key in its slot and the bundle
        its authority: what was restored from elsewhere is rotated away from, not signed with."""
        return cls(journal, Slots.load(journal.x509_cas, usable_ca), Slots.load(journal.jwt_keys, usable_key))

    def slots(self, kind: Kind) -> AnySlots:
        return self.x509 if kind is Kind.X509 else self.jwt

    def due(
        self, now: float, acknowledged: Callable[[str], bool] = nobody, kinds: Iterable[Kind] = Kind
    ) -> Prepare | Activate | None:
        """The one next step at `now` (Unix seconds), X.509 first: the journal needs an active CA.

        Apply it and ask again until None. `acknowledged` tells of a prepared authority ID whether all who
        verify know it already: agents, and peers of federation too if there are any.
        """
        for kind in kinds:
            slots = self.slots(kind)
            if slots.should_prepare(now):
                return Prepare(kind, slots.free_slot, slots.is_premature(now))
            prepared = slots.prepared
            if prepared is None:
                continue
            known = slots.is_ageing(now) and acknowledged(prepared.authority_id)
            if known or slots.must_activate(now):
                return Activate(
                    kind, prepared.authority_id, left_behind=not known and slots.current is not None
                )
        return None

    def prepared_ca(self, record: X509CaRecord, roots: tuple[bytes, ...]) -> Transition:
        """A new CA in the free slot. `roots` is the CA itself, or the upstream's roots."""
        journal = replace(
            self.journal,
            x509_cas=put(_given_up(self.journal.x509_cas, self.x509.prepared), _as(record, Status.PREPARED)),
        )
        slots = replace(self.x509, next=_as(record, Status.PREPARED))
        return self._published(replace(self, journal=journal, x509=slots), Publish(x509=roots))

    def prepared_key(self, record: JwtKeyRecord, upstream: tuple[JwtAuthority, ...] = ()) -> Transition:
        """A new JWT key in the free slot. `upstream`: the keys that an authority above told when it was given this
        one."""
        journal = replace(
            self.journal,
            jwt_keys=put(_given_up(self.journal.jwt_keys, self.jwt.prepared), _as(record, Status.PREPARED)),
        )
        slots = replace(self.jwt, next=_as(record, Status.PREPARED))
        authority = JwtAuthority(record.key_id, record.public_key, record.not_after)
        return self._published(
            replace(self, journal=journal, jwt=slots), Publish(jwt=upstream or (authority,))
        )

    def without_next(self, kind: Kind) -> Rotation:
        """The key of the free slot was replaced: what stood there can sign no more, nor be activated."""
        journal = self.journal
        if kind is Kind.X509:
            journal = replace(journal, x509_cas=_given_up(journal.x509_cas, self.x509.prepared))
            return replace(self, journal=journal, x509=replace(self.x509, next=None))
        journal = replace(journal, jwt_keys=_given_up(journal.jwt_keys, self.jwt.prepared))
        return replace(self, journal=journal, jwt=replace(self.jwt, next=None))

    def activated(self, kind: Kind) -> Transition:
        """The prepared one signs, and the one before it is old. Raises: Internal if none is prepared."""
        prepared = self.slots(kind).prepared
        if prepared is None:
            raise Internal("no prepared authority to activate")
        if kind is Kind.X509:
            slots, records = _switched(self.x509, self.journal.x509_cas)
            state = replace(self, x509=slots, journal=replace(self.journal, x509_cas=records))
        else:
            keys, key_records = _switched(self.jwt, self.journal.jwt_keys)
            state = replace(self, jwt=keys, journal=replace(self.journal, jwt_keys=key_records))
        return Transition(state, (*_persist(state.journal), Sign(kind, prepared.authority_id)))

    def _published(self, state: Rotation, publish: Publish) -> Transition:
        return Transition(state, (publish, *_persist(state.journal)))


def _persist(journal: Journal) -> tuple[Persist, ...]:
    """Nothing is stored while no X.509 authority is active: the row could not be found again."""
    return (Persist(journal),) if journal.active_x509_authority_id else ()


def _switched(slots: Slots[Record], records: tuple[Record, ...]) -> tuple[Slots[Record], tuple[Record, ...]]:
    if slots.prepared is None:
        return slots, records
    active = _as(slots.prepared, Status.ACTIVE)
    old = _as(slots.current, Status.OLD) if slots.current is not None else None
    if old is not None and any(one.authority_id == old.authority_id for one in records):
        records = put(records, old)
    return Slots(active, old), put(records, active)


def _given_up(records: tuple[Record, ...], prepared: Record | None) -> tuple[Record, ...]:
    """One that was prepared and is replaced before it ever signed counts as old."""
    return records if prepared is None else put(records, _as(prepared, Status.OLD))


def _as(record: Record, status: Status) -> Record:
    return replace(record, status=status)
