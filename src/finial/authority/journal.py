"""CA journal: which authorities this server has had, in which slots. Frozen values; bytes are
`wire.convert.stored`'s.

A server finds its row by the authority ID of a key it holds, so nothing is stored before an X.509
authority is active. At most `MAX_RECORDS` of a kind are kept, newest last. SPIRE 1.15
`pkg/server/ca/manager/journal.go`; field numbers in the message `Entries` of its private proto.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import TypeVar

MAX_RECORDS = 10


class Status(IntEnum):
    """Numbers are the stored ones; 1 is not used."""

    UNKNOWN = 0
    PREPARED = 2
    ACTIVE = 3
    OLD = 4


@dataclass(frozen=True, slots=True)
class X509CaRecord:
    """Times are Unix seconds; `authority_id` is the lower-case hex subject key identifier."""

    slot_id: str  # "A" or "B"
    issued_at: int
    not_after: int
    certificate: bytes  # DER
    upstream_chain: tuple[bytes, ...]  # DER, this CA first; empty when self-signed
    status: Status
    authority_id: str
    upstream_authority_id: str = ""


@dataclass(frozen=True, slots=True)
class JwtKeyRecord:
    """A key that signs JWT-SVIDs or WIT-SVIDs; `authority_id` is the key ID."""

    slot_id: str
    issued_at: int
    not_after: int
    key_id: str
    public_key: bytes  # DER SubjectPublicKeyInfo
    status: Status
    authority_id: str


Record = TypeVar("Record", bound=X509CaRecord | JwtKeyRecord)


@dataclass(frozen=True, slots=True)
class Journal:
    """Records of each kind, oldest first."""

    x509_cas: tuple[X509CaRecord, ...] = ()
    jwt_keys: tuple[JwtKeyRecord, ...] = ()
    wit_keys: tuple[JwtKeyRecord, ...] = ()

    @property
    def active_x509_authority_id(self) -> str:
        """What the row is found by; "" while there is none, and then nothing is stored."""
        return next((one.authority_id for one in reversed(self.x509_cas) if one.status is Status.ACTIVE), "")

    def with_x509_ca(self, record: X509CaRecord) -> Journal:
        """With this record added, or in the place of the one of its authority."""
        return replace(self, x509_cas=put(self.x509_cas, record))

    def with_jwt_key(self, record: JwtKeyRecord) -> Journal:
        return replace(self, jwt_keys=put(self.jwt_keys, record))


def put(records: tuple[Record, ...], record: Record) -> tuple[Record, ...]:
    """Replaced where its authority has a record, else added at the end, of which the newest are kept."""
    if any(one.authority_id == record.authority_id for one in records):
        return tuple(record if one.authority_id == record.authority_id else one for one in records)
    return (*records, record)[-MAX_RECORDS:]


def all_ended_before(journal: Journal, moment: float) -> bool:
    """Whether every authority expired before this Unix time: the journal may be deleted."""
    ends = [one.not_after for one in journal.x509_cas]
    ends += [one.not_after for one in (*journal.jwt_keys, *journal.wit_keys)]
    return all(end < moment for end in ends)
