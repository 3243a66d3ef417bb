"""`spire.api.types.Entry` <-> Entry.

A request is read in SPIRE 1.15's order (`pkg/server/api/entry.go`), so that of two faults the same one
is named. TTLs, expiry and the entry ID are judged by the registry's rules when the entry is stored;
revision and creation time are the store's own and are not taken from a request.
"""

from __future__ import annotations

from typing import TypedDict

from finial.errors import InvalidArgument
from finial.registry.dns_name import check_dns_name
from finial.registry.entry import MAX_HINT_LENGTH, Entry
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.spiffe.trust_domain import TrustDomain
from finial.wire.convert.field import given, naming, wants
from finial.wire.convert.id import (
    id_from_wire,
    id_to_wire,
    member_id_from_request,
    selectors_from_wire,
    selectors_to_wire,
    trust_domains_from_wire,
    workload_id_from_request,
)
from finial.wire.pb.spire.api.types import entry_pb2


class EntryChanges(TypedDict, total=False):
    """Fields of an Entry that an update sets: `dataclasses.replace(entry, **changes)`."""

    parent_id: SpiffeId
    spiffe_id: SpiffeId
    dns_names: tuple[str, ...]
    federates_with: tuple[TrustDomain, ...]
    selectors: tuple[Selector, ...]
    x509_svid_ttl: int
    jwt_svid_ttl: int
    hint: str
    admin: bool
    downstream: bool
    store_svid: bool
    expires_at: int
    disable_x509_svid_prefetch: bool
    jwt_svid_include_jti: bool


def entry_to_wire(entry: Entry) -> entry_pb2.Entry:
    message = entry_pb2.Entry(
        id=entry.id,
        spiffe_id=id_to_wire(entry.spiffe_id),
        parent_id=id_to_wire(entry.parent_id),
        selectors=selectors_to_wire(entry.selectors),
        x509_svid_ttl=entry.x509_svid_ttl,
        federates_with=[one.name for one in entry.federates_with],
        admin=entry.admin,
        downstream=entry.downstream,
        expires_at=entry.expires_at,
        dns_names=entry.dns_names,
        revision_number=entry.revision_number,
        store_svid=entry.store_svid,
        jwt_svid_ttl=entry.jwt_svid_ttl,
        hint=entry.hint,
        created_at=entry.created_at,
    )
    if entry.disable_x509_svid_prefetch or entry.jwt_svid_include_jti:
        message.additional_attributes.disable_x509_svid_prefetch = entry.disable_x509_svid_prefetch
        message.additional_attributes.jwt_svid_include_jti = entry.jwt_svid_include_jti
    return message


def entry_from_wire(message: entry_pb2.Entry) -> Entry:
    """An entry as a server gave it, all fields shown. Raises: InvalidArgument."""
    return Entry(
        id=message.id,
        spiffe_id=id_from_wire(given(message, "spiffe_id", message.spiffe_id)),
        parent_id=id_from_wire(given(message, "parent_id", message.parent_id)),
        selectors=selectors_from_wire(message.selectors),
        x509_svid_ttl=message.x509_svid_ttl,
        jwt_svid_ttl=message.jwt_svid_ttl,
        federates_with=trust_domains_from_wire(message.federates_with),
        dns_names=tuple(message.dns_names),
        hint=message.hint,
        admin=message.admin,
        downstream=message.downstream,
        store_svid=message.store_svid,
        expires_at=message.expires_at,
        revision_number=message.revision_number,
        created_at=message.created_at,
        disable_x509_svid_prefetch=message.additional_attributes.disable_x509_svid_prefetch,
        jwt_svid_include_jti=message.additional_attributes.jwt_svid_include_jti,
    )


def entry_from_request(message: entry_pb2.Entry, trust_domain: TrustDomain) -> Entry:
    """An entry to be created; its `id` is the caller's own or "". Raises: InvalidArgument."""
    changes = entry_changes_from_request(message, trust_domain, None)
    return Entry(id=message.id, **changes)


def entry_changes_from_request(
    message: entry_pb2.Entry, trust_domain: TrustDomain, mask: entry_pb2.EntryMask | None
) -> EntryChanges:
    """What an update sets: the fields that the mask selects; without a mask all of them.

    Raises: InvalidArgument for a selected field that is malformed; others are not looked at.
    """
    changes: EntryChanges = {}
    if wants(mask, "parent_id"):
        with naming("invalid parent ID"):
            found = given(message, "parent_id", message.parent_id)
            changes["parent_id"] = member_id_from_request(found, trust_domain)
    if wants(mask, "spiffe_id"):
        with naming("invalid spiffe ID"):
            found = given(message, "spiffe_id", message.spiffe_id)
            changes["spiffe_id"] = workload_id_from_request(found, trust_domain)
    if wants(mask, "dns_names"):
        with naming("invalid DNS name"):
            changes["dns_names"] = tuple(check_dns_name(name) for name in message.dns_names)
    if wants(mask, "federates_with"):
        with naming("invalid federated trust domain"):
            changes["federates_with"] = trust_domains_from_wire(message.federates_with)
    if wants(mask, "selectors"):
        changes["selectors"] = _some_selectors(message)
    if wants(mask, "hint"):
        changes["hint"] = _short_hint(message.hint)
    _take_plain(message, mask, changes)
    return changes


def _take_plain(message: entry_pb2.Entry, mask: entry_pb2.EntryMask | None, changes: EntryChanges) -> None:
    """Fields that are taken as they are."""
    if wants(mask, "admin"):
        changes["admin"] = message.admin
    if wants(mask, "downstream"):
        changes["downstream"] = message.downstream
    if wants(mask, "store_svid"):
        changes["store_svid"] = message.store_svid
    if wants(mask, "expires_at"):
        changes["expires_at"] = message.expires_at
    if wants(mask, "x509_svid_ttl"):
        changes["x509_svid_ttl"] = message.x509_svid_ttl
    if wants(mask, "jwt_svid_ttl"):
        changes["jwt_svid_ttl"] = message.jwt_svid_ttl
    if wants(mask, "additional_attributes"):
        attributes = message.additional_attributes
        changes["disable_x509_svid_prefetch"] = attributes.disable_x509_svid_prefetch
        changes["jwt_svid_include_jti"] = attributes.jwt_svid_include_jti


def _some_selectors(message: entry_pb2.Entry) -> tuple[Selector, ...]:
    if not message.selectors:
        raise InvalidArgument("selector list is empty")
    return selectors_from_wire(message.selectors)


def _short_hint(hint: str) -> str:
    if len(hint.encode()) > MAX_HINT_LENGTH:
        raise InvalidArgument(f"hint is too long, max length is {MAX_HINT_LENGTH} characters")
    return hint
