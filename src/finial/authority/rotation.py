"""Rotation of the server's authorities: what is due when, and what a change means. Pure.

    (empty) --prepare--> prepared --activate--> active --the next is activated--> old --taint--> --revoke--> gone

Each kind has two slots, A and B, which are also the names of its keys in the KeyManager: the active
authority holds one, the prepared or else the old one the other. The next authority is prepared, and
published, at half of the lifetime (30 days before the end at the most), so that every verifier knows it
long before it signs; it is activated at the last sixth (7 days at the most), or earlier once everybody
acknowledged it, and not before it was published for a sixth of its life. SPIRE 1.15 `pkg/server/ca/{manager,rotator}`.

A transition is a value: the state after it, and the effects that lead there, in an order in which a
crash between any two heals at the next start. The caller runs the effects one by one and takes the new
state when all are done; each can be repeated. Published comes before persisted, since a root too many
in the bundle does no harm and a CA that nobody trusts does; persisted comes before signing, so that a
restarted server goes on with the authority it last signed with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Generic, TypeVar

from finial.authority.journal import Journal, JwtKeyRecord, Status, X509CaRecord, put
from finial.errors import Internal, InvalidArgument
from finial.spiffe.bundle import JwtAuthority

DAY = 24 * 3600  # seconds
PREPARE_CAP = 30 * DAY
ACTIVATE_CAP = 7 * DAY
SLOT_IDS = ("A", "B")


class Kind(StrEnum):
    """Values begin the names of the keys in the KeyManager."""

    X509 = "x509-CA"
    JWT = "JWT-Signer"

    def key_id(self, slot_id: str) -> str:
        """`x509-CA-A`: where the KeyManager keeps the key of a slot."""
        return f"{self.value}-{slot_id}"


Record = TypeVar("Record", bound=X509CaRecord | JwtKeyRecord)


@dataclass(frozen=True, slots=True)
class Prepare:
    """Generate a key in this slot, have it certified, then apply `Rotation.prepared`."""

    kind: Kind
    slot_id: str

    @property
    def key_id(self) -> str:
        return self.kind.key_id(self.slot_id)


@dataclass(frozen=True, slots=True)
class Activate:
    """Apply `Rotation.activated`. `left_behind`: somebody has not acknowledged it, and it cannot wait."""

    kind: Kind
    authority_id: str
    left_behind: bool = False


@dataclass(frozen=True, slots=True)
class Publish:
    """Append to the own bundle what is missing there: DER roots and JWT keys."""

    x509: tuple[bytes, ...] = ()
    jwt: tuple[JwtAuthority, ...] = ()


@dataclass(frozen=True, slots=True)
class Persist:
    """Write the journal, in one step."""

    journal: Journal


@dataclass(frozen=True, slots=True)
class Sign:
    """From here on sign with this authority."""

    kind: Kind
    authority_id: str


@dataclass(frozen=True, slots=True)
class Taint:
    """Mark it in the bundle: everything signed by it is to be renewed now."""

    kind: Kind
    authority_id: str


@dataclass(frozen=True, slots=True)
class Revoke:
    """Take it out of the bundle: nothing signed by it verifies from here on."""

    kind: Kind
    authority_id: str


Effect = Publish | Persist | Sign | Taint | Revoke


@dataclass(frozen=True, slots=True)
class Slots(Generic[Record]):
    """The two slots of one kind. `current` is active; `next` is prepared or old."""

    current: Record | None = None
    next: Record | None = None

    @classmethod
    def load(cls, records: Iterable[Record], usable: Callable[[Record], bool]) -> Slots[Record]:
        """The newest usable record of each role. Usable: its key is held and its authority published."""
        newest_first = [one for one in reversed(tuple(records)) if usable(one)]
        current = next((one for one in newest_first if one.status is Status.ACTIVE), None)
        others = [one for one in newest_first if current is None or one.slot_id != current.slot_id]
        return cls(current, next((one for one in others if one.status is not Status.ACTIVE), None))

    @property
    def prepared(self) -> Record | None:
        return self.next if self.next is not None and self.next.status is not Status.OLD else None

    @property
    def old(self) -> Record | None:
        return self.next if self.next is not None and self.next.status is Status.OLD else None

    @property
    def free_slot(self) -> str:
        """Where the next one is prepared; what is there, old or never activated, is given up."""
        if self.current is None:
            return SLOT_IDS[0] if self.next is None else other_slot(self.next.slot_id)
        return other_slot(self.current.slot_id)

    def should_prepare(self, now: float) -> bool:
        return self.prepared is None and self.is_ageing(now)

    def is_ageing(self, now: float) -> bool:
        """Whether the current one is to be followed. One that an operator prepared before is left to him."""
        return self.current is None or now > _threshold(self.current, 2, PREPARE_CAP)

    def must_activate(self, now: float) -> bool:
        """Whether the prepared one cannot wait for acknowledgements any longer.

        SPIRE's timer, but with notice: one that was published late, after a sleep or because an operator
        rotated by hand, waits a sixth of a life for verifiers to learn of it, while the current one lasts.
        """
        if self.current is None or self.prepared is None:
            return self.prepared is not None
        if now <= _threshold(self.current, 6, ACTIVATE_CAP):
            return False
        lifetime = self.prepared.not_after - self.prepared.issued_at
        noticed = now > self.prepared.issued_at + min(lifetime / 6, ACTIVATE_CAP)
        return noticed or now > _threshold(self.current, 24, ACTIVATE_CAP // 4)


def _threshold(record: X509CaRecord | JwtKeyRecord, divisor: int, cap: int) -> float:
    lifetime = record.not_after - record.issued_at
    return record.not_after - min(lifetime / divisor, cap)


def other_slot(slot_id: str) -> str:
    return SLOT_IDS[1] if slot_id == SLOT_IDS[0] else SLOT_IDS[0]


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
    x509: Slots[X509CaRecord] = Slots()  # frozen
    jwt: Slots[JwtKeyRecord] = Slots()  # frozen

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

    def slots(self, kind: Kind) -> Slots[X509CaRecord] | Slots[JwtKeyRecord]:
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
                return Prepare(kind, slots.free_slot)
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

    def tainted(self, kind: Kind, authority_id: str) -> Transition:
        """Raises: InvalidArgument, in SPIRE's words, unless it is the old authority."""
        slots = self.slots(kind)
        _require_id(authority_id)
        if slots.current is not None and authority_id == slots.current.authority_id:
            raise InvalidArgument("unable to taint current local authority")
        _require_next(slots, authority_id)
        if slots.old is None:
            raise InvalidArgument(f"only Old local authorities can be tainted: {_unsupported(slots)}")
        return Transition(self, (Taint(kind, authority_id),))

    def revoked(self, kind: Kind, authority_id: str, published: Iterable[str] = ()) -> Transition:
        """`published`: IDs of JWT authorities in the own bundle, other servers' too, which may be revoked
        here. Whether it is tainted, as it must be, is the bundle's to say.

        Raises: InvalidArgument, in SPIRE's words.
        """
        try:
            _require_id(authority_id)
            self._check_revocable(kind, authority_id, published)
        except InvalidArgument as why:
            raise why.within("invalid authority ID") from why
        return Transition(self, (Revoke(kind, authority_id),))

    def check_activation(self, kind: Kind, authority_id: str) -> None:
        """Before an operator's own activation. Raises: InvalidArgument or Internal, in SPIRE's words."""
        slots = self.slots(kind)
        _require_id(authority_id)
        _require_next(slots, authority_id)
        if slots.prepared is None:
            raise Internal(f"only Prepared authorities can be activated: {_unsupported(slots)}")

    def _check_revocable(self, kind: Kind, authority_id: str, published: Iterable[str]) -> None:
        slots = self.slots(kind)
        if slots.current is not None and authority_id == slots.current.authority_id:
            raise InvalidArgument("unable to use current authority")
        is_old = slots.old is not None and authority_id == slots.old.authority_id
        if kind is Kind.X509:
            if not is_old:
                raise InvalidArgument("only Old local authority can be revoked")
        elif slots.prepared is not None and authority_id == slots.prepared.authority_id:
            raise InvalidArgument("unable to use a prepared key")
        elif not is_old and authority_id not in published:
            raise InvalidArgument("no JWT authority found with provided authority ID")

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


def _require_id(authority_id: str) -> None:
    if not authority_id:
        raise InvalidArgument("no authority ID provided")


def _require_next(slots: Slots[X509CaRecord] | Slots[JwtKeyRecord], authority_id: str) -> None:
    if slots.next is None or slots.next.authority_id != authority_id:
        raise InvalidArgument("unexpected authority ID")


def _unsupported(slots: Slots[X509CaRecord] | Slots[JwtKeyRecord]) -> str:
    status = slots.next.status.name if slots.next is not None else Status.UNKNOWN.name
    return f"unsupported local authority status: {status}"
