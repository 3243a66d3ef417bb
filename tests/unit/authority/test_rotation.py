"""The rotation machine: when a step is due, what it does in which order, and what a crash leaves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from finial.authority.by_hand import check_activation
from finial.authority.journal import Journal, JwtKeyRecord, Status, X509CaRecord
from finial.authority.rotation import Rotation, Transition
from finial.authority.slots import DAY, Kind, Slots
from finial.authority.steps import Activate, Effect, Persist, Prepare, Publish, Sign
from finial.errors import Internal, InvalidArgument

TTL = 6000


@dataclass
class World:
    """What outlives a crash: keys by slot, the bundle, the journal row; and what is signed with."""

    keys: dict[str, str] = field(default_factory=dict)
    bundle: set[str] = field(default_factory=set)
    journal: Journal = field(default_factory=Journal)
    signing: dict[Kind, str] = field(default_factory=dict)
    made: int = 0
    ttl: int = TTL

    def load(self) -> Rotation:
        def usable(record: X509CaRecord | JwtKeyRecord) -> bool:
            return record.authority_id in self.bundle and record.authority_id in self.keys.values()

        return Rotation.load(self.journal, usable, usable)

    def transition(self, state: Rotation, step: Prepare | Activate, now: int) -> Transition:
        if isinstance(step, Activate):
            return state.activated(step.kind)
        self.made += 1
        name = f"{step.kind}-{self.made}"
        self.keys[step.key_id] = name
        end = now + self.ttl
        if step.kind is Kind.JWT:
            key = JwtKeyRecord(step.slot_id, now, end, name, b"spki", Status.PREPARED, name)
            return state.prepared_key(key)
        ca = X509CaRecord(step.slot_id, now, end, name.encode(), (), Status.PREPARED, name)
        return state.prepared_ca(ca, (name.encode(),))

    def run(self, effect: Effect) -> None:
        match effect:
            case Publish(x509, jwt):
                self.bundle |= {root.decode() for root in x509} | {key.key_id for key in jwt}
            case Persist(journal):
                self.journal = journal
            case Sign(kind, authority_id):
                assert authority_id in self.bundle, "nobody could verify what it signs"
                assert authority_id in self.keys.values()
                assert authority_id == authority_of(self.journal, kind), "a restart would sign with another"
                self.signing[kind] = authority_id
            case _:
                raise AssertionError(effect)


def authority_of(journal: Journal, kind: Kind) -> str:
    records: list[X509CaRecord | JwtKeyRecord] = []
    records += journal.x509_cas if kind is Kind.X509 else journal.jwt_keys
    return next(one.authority_id for one in reversed(records) if one.status is Status.ACTIVE)


def steps(world: World, state: Rotation, now: int) -> Iterator[tuple[Prepare | Activate, Rotation]]:
    """All that is due, done."""
    while (step := state.due(now)) is not None:
        done = world.transition(state, step, now)
        for effect in done.effects:
            world.run(effect)
        state = done.state
        yield step, state


def advance(world: World, state: Rotation, now: int) -> Rotation:
    for _, after in steps(world, state, now):
        state = after
    return state


def started() -> tuple[World, Rotation]:
    world = World()
    return world, advance(world, Rotation(), 0)


def test_first_start_prepares_and_activates_the_ca_before_the_key() -> None:
    world = World()
    done = [step for step, _ in steps(world, Rotation(), 0)]
    assert done == [
        Prepare(Kind.X509, "A"),
        Activate(Kind.X509, "x509-CA-1"),
        Prepare(Kind.JWT, "A"),
        Activate(Kind.JWT, "JWT-Signer-2"),
    ]
    assert world.keys == {"x509-CA-A": "x509-CA-1", "JWT-Signer-A": "JWT-Signer-2"}
    assert world.signing == {Kind.X509: "x509-CA-1", Kind.JWT: "JWT-Signer-2"}


def test_nothing_is_stored_before_a_ca_is_active() -> None:
    world = World()
    first = world.transition(Rotation(), Prepare(Kind.X509, "A"), 0)
    assert [type(effect) for effect in first.effects] == [Publish]
    second = first.state.activated(Kind.X509)
    assert [type(effect) for effect in second.effects] == [Persist, Sign]


@pytest.mark.parametrize(
    ("lifetime", "prepare_at", "activate_at"),
    [(6000, 3000, 5000), (60 * DAY, 30 * DAY, 53 * DAY), (300 * DAY, 270 * DAY, 293 * DAY)],
)
def test_thresholds(lifetime: int, prepare_at: int, activate_at: int) -> None:
    world = World(ttl=lifetime)
    state = advance(world, Rotation(), 0)
    assert state.due(prepare_at) is None
    assert state.due(prepare_at + 1) == Prepare(Kind.X509, "B")
    state = advance(world, state, prepare_at + 1)
    assert state.x509.prepared is not None and state.jwt.prepared is not None
    assert state.due(activate_at) is None
    wanted = Activate(Kind.X509, state.x509.prepared.authority_id, left_behind=True)
    assert state.due(activate_at + 1) == wanted


def test_acknowledged_authority_is_activated_before_its_time() -> None:
    world, state = started()
    state = advance(world, state, 3001)
    assert state.x509.prepared is not None and state.jwt.prepared is not None
    known = state.x509.prepared.authority_id
    assert state.due(3002, lambda authority_id: authority_id == known) == Activate(Kind.X509, known)
    state = state.activated(Kind.X509).state
    assert state.due(3003, lambda authority_id: authority_id == known) is None


def test_one_that_an_operator_prepared_is_not_activated_for_him_while_the_current_one_is_young() -> None:
    world, state = started()
    for effect in (early := world.transition(state, Prepare(Kind.X509, "B"), 10)).effects:
        world.run(effect)
    state = early.state
    assert state.x509.prepared is not None
    assert state.due(3000, lambda _: True) is None
    assert state.due(3001, lambda _: True) == Activate(Kind.X509, state.x509.prepared.authority_id)


def test_slots_swap_and_the_old_one_is_replaced() -> None:
    world, state = started()
    for now in (3001, 5001):
        state = advance(world, state, now)
    assert state.x509.current is not None and state.x509.old is not None
    assert (state.x509.current.slot_id, state.x509.old.slot_id) == ("B", "A")
    assert state.due(6002) == Prepare(Kind.X509, "A")
    assert [one.status for one in world.journal.x509_cas] == [Status.OLD, Status.ACTIVE]


def test_after_a_long_sleep_all_is_made_new_and_signed_with() -> None:
    world, state = started()
    state = advance(world, state, 10 * TTL)
    assert state.x509.current is not None and state.x509.current.not_after == 11 * TTL
    assert world.signing[Kind.X509] == state.x509.current.authority_id


def test_where_the_clock_was_set_back_to_before_the_ca_begins_another_takes_its_place_at_once() -> None:
    """What it signs is good for nobody, so nobody is waited for. Keys for tokens begin at no time."""
    world, state = started()
    done = [step for step, _ in steps(world, state, -11)]
    assert done == [
        Prepare(Kind.X509, "B", premature=True),
        Activate(Kind.X509, "x509-CA-3", left_behind=True),
    ]
    assert world.signing == {Kind.X509: "x509-CA-3", Kind.JWT: "JWT-Signer-2"}
    assert {"x509-CA-1", "x509-CA-3"} <= world.bundle


def test_a_ca_is_valid_from_ten_seconds_before_it_was_issued() -> None:
    world, state = started()
    assert [step for step, _ in steps(world, state, -10)] == []


def test_of_two_cas_from_the_future_the_prepared_one_is_made_anew() -> None:
    world, state = started()
    state = advance(world, state, TTL // 2 + 1)
    assert state.x509.prepared is not None
    done = [step for step, _ in steps(world, state, -100)]
    assert [step for step in done if step.kind is Kind.X509] == [
        Prepare(Kind.X509, "B", premature=True),
        Activate(Kind.X509, "x509-CA-5", left_behind=True),
    ]


def test_a_prepared_ca_from_the_future_is_left_alone_while_another_signs_and_is_young() -> None:
    world, state = started()
    state = advance(world, state, TTL // 2 + 1)
    assert [step for step, _ in steps(world, state, TTL // 4)] == []


def test_a_prepared_ca_from_the_future_is_not_activated_but_made_anew() -> None:
    """An operator prepared it while the clock was ahead."""
    world, state = started()
    ahead = world.transition(state, Prepare(Kind.X509, "B"), 10 * TTL)
    for effect in ahead.effects:
        world.run(effect)
    done = [step for step, _ in steps(world, ahead.state, TTL - 1)]
    assert [step for step in done if step.kind is Kind.X509] == [
        Prepare(Kind.X509, "B"),
        Activate(Kind.X509, "x509-CA-4", left_behind=True),
    ]


def test_operator_prepares_twice_and_activates_the_later() -> None:
    world, state = started()
    for _ in range(2):
        done = world.transition(state, Prepare(Kind.X509, state.x509.free_slot), 10)
        for effect in done.effects:
            world.run(effect)
        state = done.state
    assert [one.status for one in state.journal.x509_cas] == [Status.ACTIVE, Status.OLD, Status.PREPARED]
    assert state.x509.prepared == state.journal.x509_cas[2]
    with pytest.raises(InvalidArgument, match="unexpected authority ID"):
        check_activation(state, Kind.X509, state.journal.x509_cas[1].authority_id)
    check_activation(state, Kind.X509, state.journal.x509_cas[2].authority_id)
    assert world.load() == state


def test_what_was_published_late_waits_for_verifiers_while_the_current_one_lasts() -> None:
    world, state = started()
    state = advance(world, state, 5200)
    assert state.x509.prepared is not None and state.x509.prepared.issued_at == 5200
    assert state.due(5750) is None
    assert state.due(5751) == Activate(Kind.X509, state.x509.prepared.authority_id, left_behind=True)


def test_one_prepared_by_hand_long_ago_leaves_its_successor_the_same_notice() -> None:
    world, state = started()
    for effect in (early := world.transition(state, Prepare(Kind.X509, "B"), 10)).effects:
        world.run(effect)
    state = advance(world, early.state, 5001)
    assert state.x509.current is not None and state.x509.current.issued_at == 10
    assert state.x509.prepared is not None and state.x509.prepared.issued_at == 5001
    assert not state.x509.must_activate(5760)
    assert state.x509.must_activate(5761)


@pytest.mark.parametrize("crash_at", range(40))
def test_a_crash_between_any_two_effects_heals(crash_at: int) -> None:
    """Two life times with one crash at each place: the server goes on, and signs with what is published."""
    world = World()
    state = Rotation()
    effects = 0
    crashed = False
    for now in range(0, 3 * TTL, 500):
        while (step := state.due(now)) is not None:
            done = world.transition(state, step, now)
            for effect in done.effects:
                if effects == crash_at and not crashed:
                    crashed = True
                    break
                world.run(effect)
                effects += 1
            else:
                state = done.state
                continue
            state = world.load()
            for kind in Kind:
                current = state.slots(kind).current
                if current is not None:
                    world.signing[kind] = current.authority_id
        for kind in Kind:
            current = state.slots(kind).current
            assert current is not None and now < current.not_after
            assert world.signing[kind] == current.authority_id
            assert current.authority_id in world.bundle and current.authority_id in world.keys.values()
    assert crashed


def test_a_prepared_authority_survives_a_restart() -> None:
    world, state = started()
    state = advance(world, state, 3001)
    assert world.load() == state


def test_authority_whose_key_or_root_is_gone_is_rotated_away_from() -> None:
    world, state = started()
    assert state.x509.current is not None
    world.bundle.discard(state.x509.current.authority_id)
    loaded = world.load()
    assert loaded.x509 == Slots() and loaded.jwt == state.jwt
    assert loaded.due(1) == Prepare(Kind.X509, "A")


def test_prepared_without_active_is_activated_at_once() -> None:
    world, state = started()
    state = advance(world, state, 3001)
    assert state.x509.current is not None and state.x509.prepared is not None
    world.keys.pop(Kind.X509.key_id(state.x509.current.slot_id))
    loaded = world.load()
    assert loaded.due(3002) == Activate(Kind.X509, state.x509.prepared.authority_id)


def test_a_replaced_key_leaves_nothing_to_activate() -> None:
    for kind in Kind:
        world, state = started()
        done = world.transition(state, Prepare(kind, state.slots(kind).free_slot), 10)
        assert done.state.slots(kind).prepared is not None
        left = done.state.without_next(kind)
        assert left.slots(kind).next is None and left.slots(kind).current == state.slots(kind).current
        with pytest.raises(Internal, match="no prepared authority"):
            left.activated(kind)
        records = left.journal.x509_cas if kind is Kind.X509 else left.journal.jwt_keys
        assert [one.status for one in records] == [Status.ACTIVE, Status.OLD]


def test_without_a_prepared_authority_nothing_is_activated() -> None:
    _, state = started()
    with pytest.raises(Internal, match="no prepared authority"):
        state.activated(Kind.X509)


def test_each_kind_may_be_looked_at_alone() -> None:
    _, state = started()
    late = TTL * 3 // 4
    assert state.due(late, kinds=(Kind.JWT,)) == Prepare(Kind.JWT, "B")
    assert state.due(late, kinds=()) is None
