"""SPIRE's three protobuf columns <-> our values: bundles.data, registered_entries.additional_attributes,
ca_journals.data.

What is written is byte for byte what SPIRE 1.15 writes. Bytes that cannot be read are Internal: the
database is damaged, and no caller is to blame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar

from google.protobuf.message import DecodeError, Message

from finial.authority.journal import Journal, JwtKeyRecord, Status, X509CaRecord
from finial.errors import FinialError, Internal
from finial.registry.entry import Entry
from finial.spiffe.bundle import Bundle, JwtAuthority, X509Authority
from finial.spiffe.trust_domain import TrustDomain
from finial.svid.x509 import split_der
from finial.wire.pb.private.server.journal import journal_pb2
from finial.wire.pb.spire.common import common_pb2

M = TypeVar("M", bound=Message)
Attributes = common_pb2.RegistrationEntry.AdditionalAttributes


class AdditionalAttributes(NamedTuple):
    """Fields of an Entry that have no column of their own."""

    disable_x509_svid_prefetch: bool = False
    jwt_svid_include_jti: bool = False


def bundle_to_stored(bundle: Bundle) -> bytes:
    return common_pb2.Bundle(
        trust_domain_id=bundle.trust_domain.uri,
        root_cas=[
            common_pb2.Certificate(der_bytes=one.der, tainted_key=one.tainted)
            for one in bundle.x509_authorities
        ],
        jwt_signing_keys=_keys_to_stored(bundle.jwt_authorities),
        refresh_hint=bundle.refresh_hint,
        sequence_number=bundle.sequence_number,
        wit_signing_keys=_keys_to_stored(bundle.wit_authorities),
    ).SerializeToString()


def bundle_from_stored(data: bytes) -> Bundle:
    """Raises: Internal."""
    stored = _read(common_pb2.Bundle(), data, "bundle")
    try:
        return Bundle(
            trust_domain=TrustDomain.parse(stored.trust_domain_id),
            x509_authorities=tuple(
                X509Authority(der, one.tainted_key)
                for one in stored.root_cas
                for der in split_der(one.der_bytes)
            ),
            jwt_authorities=_keys_from_stored(stored.jwt_signing_keys),
            wit_authorities=_keys_from_stored(stored.wit_signing_keys),
            refresh_hint=stored.refresh_hint,
            sequence_number=stored.sequence_number,
        )
    except FinialError as why:
        raise Internal(f'stored bundle of "{stored.trust_domain_id}" cannot be read: {why}') from why


def attributes_to_stored(entry: Entry) -> bytes | None:
    """None, SPIRE's NULL, when no attribute is set."""
    if not (entry.disable_x509_svid_prefetch or entry.jwt_svid_include_jti):
        return None
    return Attributes(
        disable_x509_svid_prefetch=entry.disable_x509_svid_prefetch,
        jwt_svid_include_jti=entry.jwt_svid_include_jti,
    ).SerializeToString()


def attributes_from_stored(data: bytes | None) -> AdditionalAttributes:
    """Raises: Internal."""
    stored = _read(Attributes(), data or b"", "additional attributes")
    return AdditionalAttributes(stored.disable_x509_svid_prefetch, stored.jwt_svid_include_jti)


def journal_to_stored(journal: Journal) -> bytes:
    return journal_pb2.Entries(
        x509CAs=[
            journal_pb2.X509CAEntry(
                slot_id=one.slot_id,
                issued_at=one.issued_at,
                certificate=one.certificate,
                upstream_chain=one.upstream_chain,
                status=one.status.name,
                authority_id=one.authority_id,
                not_after=one.not_after,
                upstream_authority_id=one.upstream_authority_id,
            )
            for one in journal.x509_cas
        ],
        jwtKeys=[_key_entry(journal_pb2.JWTKeyEntry, one) for one in journal.jwt_keys],
        witKeys=[_key_entry(journal_pb2.WITKeyEntry, one) for one in journal.wit_keys],
    ).SerializeToString()


def journal_from_stored(data: bytes) -> Journal:
    """Raises: Internal."""
    stored = _read(journal_pb2.Entries(), data, "CA journal")
    return Journal(
        x509_cas=tuple(_x509_ca_record(one) for one in stored.x509CAs),
        jwt_keys=tuple(_key_record(one) for one in stored.jwtKeys),
        wit_keys=tuple(_key_record(one) for one in stored.witKeys),
    )


def _keys_to_stored(values: Iterable[JwtAuthority]) -> list[common_pb2.PublicKey]:
    return [
        common_pb2.PublicKey(
            pkix_bytes=one.public_key, kid=one.key_id, not_after=one.expires_at, tainted_key=one.tainted
        )
        for one in values
    ]


def _keys_from_stored(messages: Iterable[common_pb2.PublicKey]) -> tuple[JwtAuthority, ...]:
    return tuple(JwtAuthority(one.kid, one.pkix_bytes, one.not_after, one.tainted_key) for one in messages)


def _key_entry(make: Callable[..., M], record: JwtKeyRecord) -> M:
    return make(
        slot_id=record.slot_id,
        issued_at=record.issued_at,
        not_after=record.not_after,
        kid=record.key_id,
        public_key=record.public_key,
        status=record.status.name,
        authority_id=record.authority_id,
    )


def _key_record(stored: journal_pb2.JWTKeyEntry | journal_pb2.WITKeyEntry) -> JwtKeyRecord:
    return JwtKeyRecord(
        slot_id=stored.slot_id,
        issued_at=stored.issued_at,
        not_after=stored.not_after,
        key_id=stored.kid,
        public_key=stored.public_key,
        status=_status(stored.status),
        authority_id=stored.authority_id,
    )


def _x509_ca_record(stored: journal_pb2.X509CAEntry) -> X509CaRecord:
    return X509CaRecord(
        slot_id=stored.slot_id,
        issued_at=stored.issued_at,
        not_after=stored.not_after,
        certificate=stored.certificate,
        upstream_chain=tuple(stored.upstream_chain),
        status=_status(stored.status),
        authority_id=stored.authority_id,
        upstream_authority_id=stored.upstream_authority_id,
    )


def _status(number: int) -> Status:
    try:
        return Status(number)
    except ValueError:
        raise Internal(f'stored CA journal cannot be read: unknown status "{number}"') from None


def _read(message: M, data: bytes, what: str) -> M:
    try:
        message.MergeFromString(data)
    except DecodeError as why:
        raise Internal(f"stored {what} cannot be read: {why}") from None
    return message
