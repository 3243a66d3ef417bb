from __future__ import annotations

from dataclasses import replace

import pytest

from finial.errors import AlreadyExists, Internal, InvalidArgument
from finial.registry.entry import Entry
from finial.spiffe.bundle import Bundle
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.spiffe.trust_domain import TrustDomain
from finial.store import bundles, entries, timestamp
from finial.store.engine import Transaction
from finial.store.entries import Refused
from finial.store.entry_creation import Created, Similar, create

NODE = SpiffeId.parse("spiffe://example.org/node")
A, B = TrustDomain("a.test"), TrustDomain("b.test")


def entry(path: str, *selectors: str, id_: str = "") -> Entry:
    chosen = tuple(Selector.parse(one) for one in selectors or ("unix:uid:1",))
    return Entry(id_, SpiffeId.parse(f"spiffe://example.org/{path}"), NODE, chosen)


def test_answers_what_is_stored(tx: Transaction) -> None:
    full = replace(
        entry("w", "unix:uid:2", "unix:gid:1", id_="full"),
        x509_svid_ttl=60,
        jwt_svid_ttl=30,
        dns_names=("z.test", "a.test"),
        hint="h",
        admin=True,
        downstream=True,
        expires_at=4102444800,
        jwt_svid_include_jti=True,
        revision_number=9,
    )
    (answer,) = create(tx, [full])
    assert isinstance(answer, Created)
    assert answer.entry == replace(full, created_at=timestamp.nearest_unix(tx.now), revision_number=0)
    assert entries.by_id(tx, "full") == answer.entry


def test_an_entry_without_an_id_gets_one(tx: Transaction) -> None:
    answers = create(tx, [entry("a"), entry("b")])
    ids = [answer.entry.id for answer in answers if isinstance(answer, Created)]
    assert len(set(ids)) == 2 and all(len(id_) == 36 for id_ in ids)


def test_rows_are_those_of_spire(tx: Transaction) -> None:
    for domain in (A, B):
        bundles.create(tx, Bundle(domain))
    create(tx, [replace(entry("w", "a:b", id_="e"), dns_names=("d",), federates_with=(B, A, B))])
    assert tx.rows("SELECT id, entry_id, revision_number, hint FROM registered_entries") == [(1, "e", 0, "")]
    assert tx.rows("SELECT bundle_id, registered_entry_id FROM federated_registration_entries") == [
        (1, 1),
        (2, 1),
    ]
    assert tx.rows("SELECT registered_entry_id, type, value FROM selectors") == [(1, "a", "b")]
    assert tx.rows("SELECT registered_entry_id, value FROM dns_names") == [(1, "d")]
    assert tx.rows("SELECT entry_id FROM registered_entries_events") == [("e",)]
    stamps = "SELECT created_at, updated_at FROM registered_entries UNION SELECT created_at, updated_at FROM selectors"
    assert tx.rows(stamps) == [(tx.now, tx.now)]


def test_a_similar_entry_is_answered_and_nothing_written(tx: Transaction) -> None:
    (made,) = create(tx, [entry("w", "a:1", "b:2", id_="first")])
    (answer,) = create(tx, [entry("w", "b:2", "a:1", id_="second")])
    assert isinstance(made, Created)
    assert answer == Similar(made.entry)
    assert len(entries.load(tx)) == 1
    assert tx.rows("SELECT count(*) FROM registered_entries_events") == [(1,)]


@pytest.mark.parametrize("selectors", [("a:1",), ("a:1", "b:2", "c:3"), ("a:1", "b:3")])
def test_other_selectors_are_not_similar(tx: Transaction, selectors: tuple[str, ...]) -> None:
    create(tx, [entry("w", "a:1", "b:2")])
    (answer,) = create(tx, [entry("w", *selectors)])
    assert isinstance(answer, Created)


def test_the_second_of_two_similar_ones_in_a_batch_answers_the_first(tx: Transaction) -> None:
    first, second = create(tx, [entry("w", id_="x"), entry("w", id_="y")])
    assert isinstance(first, Created)
    assert second == Similar(first.entry)


def test_one_refused_item_leaves_the_others_alone(tx: Transaction) -> None:
    create(tx, [entry("there", id_="taken")])
    answers = create(
        tx,
        [
            entry("a", id_="a"),
            entry("b", id_="taken"),
            entry("c", id_="not valid"),
            entry("d", "x:y", "x:y", id_="d"),
            replace(entry("e", id_="e"), federates_with=(A,)),
            replace(entry("f", id_="f"), dns_names=("n", "n")),
            entry("g", id_="g"),
        ],
    )
    errors = [answer.error if isinstance(answer, Refused) else None for answer in answers]
    assert [type(error) for error in errors] == [
        type(None),
        AlreadyExists,
        InvalidArgument,
        AlreadyExists,
        Internal,
        AlreadyExists,
        type(None),
    ]
    assert [
        str(error).removeprefix("datastore-sql: UNIQUE constraint failed: ") for error in errors if error
    ] == [
        "registered_entries.entry_id",
        "datastore-validation: invalid registration entry: entry ID contains invalid characters",
        "selectors.registered_entry_id, selectors.type, selectors.value",
        'unable to find federated bundle "spiffe://a.test"',
        "dns_names.registered_entry_id, dns_names.value",
    ]
    assert {one.id for _, one in entries.load(tx)} == {"taken", "a", "g"}
    assert tx.rows("SELECT DISTINCT registered_entry_id FROM selectors") == [(1,), (2,), (3,)]
    assert [row[0] for row in tx.rows("SELECT entry_id FROM registered_entries_events ORDER BY id")] == [
        "taken",
        "a",
        "g",
    ]


def test_who_is_like_a_refused_one_is_judged_alone(tx: Transaction) -> None:
    create(tx, [entry("there", id_="taken")])
    answers = create(tx, [entry("w", id_="taken"), entry("w", id_="free"), entry("w", id_="late")])
    assert [type(answer) for answer in answers] == [Refused, Created, Similar]
    assert {one.id for _, one in entries.load(tx)} == {"taken", "free"}


def test_more_rows_than_one_statement_can_carry(tx: Transaction) -> None:
    many = [entry(str(number), "a:1", "b:2", "c:3", "d:4", id_=f"e{number}") for number in range(3000)]
    assert all(isinstance(answer, Created) for answer in create(tx, many))
    assert [one.id for _, one in entries.load(tx)] == [one.id for one in many]


def test_nothing_for_nothing(tx: Transaction) -> None:
    assert create(tx, []) == []
