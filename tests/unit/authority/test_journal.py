"""The CA journal: at most ten records of a kind, and the row's own name."""

from __future__ import annotations

from finial.authority.journal import (
    MAX_RECORDS,
    Journal,
    JwtKeyRecord,
    Status,
    X509CaRecord,
    all_ended_before,
    put,
)


def ca(authority_id: str, status: Status = Status.OLD, not_after: int = 100) -> X509CaRecord:
    return X509CaRecord("A", 0, not_after, b"der", (), status, authority_id)


def key(key_id: str, not_after: int = 100) -> JwtKeyRecord:
    return JwtKeyRecord("A", 0, not_after, key_id, b"spki", Status.PREPARED, key_id)


def test_stored_numbers_of_the_status() -> None:
    assert [one.value for one in Status] == [0, 2, 3, 4]


def test_newest_records_are_kept() -> None:
    journal = Journal()
    for number in range(MAX_RECORDS + 3):
        journal = journal.with_x509_ca(ca(str(number))).with_jwt_key(key(str(number)))
    assert [one.authority_id for one in journal.x509_cas] == [str(number) for number in range(3, 13)]
    assert [one.key_id for one in journal.jwt_keys] == [str(number) for number in range(3, 13)]


def test_record_of_a_known_authority_is_replaced_in_its_place() -> None:
    records = put(put((), ca("a")), ca("b"))
    assert put(records, ca("a", Status.ACTIVE)) == (ca("a", Status.ACTIVE), ca("b"))


def test_active_authority_names_the_row() -> None:
    assert Journal((ca("a"),)).active_x509_authority_id == ""
    both = Journal((ca("a", Status.ACTIVE), ca("b", Status.ACTIVE), ca("c", Status.PREPARED)))
    assert both.active_x509_authority_id == "b"


def test_ended_when_all_authorities_have() -> None:
    journal = Journal((ca("a"),), (key("k", 200),))
    assert not all_ended_before(journal, 200)
    assert all_ended_before(journal, 201)
    assert all_ended_before(Journal(), 0)
