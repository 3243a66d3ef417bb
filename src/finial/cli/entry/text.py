"""An entry as text, and text as an entry: the fields of a protobuf Entry under SPIRE's labels. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from finial.cli.json_text import read_object
from finial.cli.notation import id_text, read_id, time_text
from finial.errors import InvalidArgument
from finial.spiffe.trust_domain import SCHEME
from finial.wire.pb.spire.api.types.entry_pb2 import Entry
from finial.wire.pb.spire.api.types.selector_pb2 import Selector as SelectorMessage
from finial.wire.pb.spire.api.types.spiffeid_pb2 import SPIFFEID

DATA_HINT = 'the file holds {"entries": [{"spiffe_id": ..., "parent_id": ..., "selectors": [...]}]}'


def entry_text(entry: Entry) -> str:
    """The block of one entry, with the empty line that ends it."""
    return "".join(f"{label:<24}: {value}\n" for label, value in _rows(entry)) + "\n"


def sorted_selectors(entry: Entry) -> Entry:
    """The same entry, its selectors by type and value, as SPIRE's commands show them."""
    ordered = sorted(entry.selectors, key=lambda one: (one.type, one.value))
    copies = [SelectorMessage(type=one.type, value=one.value) for one in ordered]
    del entry.selectors[:]
    entry.selectors.extend(copies)
    return entry


def _rows(entry: Entry) -> Iterator[tuple[str, object]]:
    yield "Entry ID", entry.id or "(none)"
    yield "SPIFFE ID", id_text(entry.spiffe_id)
    yield "Parent ID", id_text(entry.parent_id)
    yield "Revision", entry.revision_number
    if entry.downstream:
        yield "Downstream", "true"
    yield "X509-SVID TTL", entry.x509_svid_ttl or "default"
    yield "JWT-SVID TTL", entry.jwt_svid_ttl or "default"
    if entry.expires_at:
        yield "Expiration time", time_text(entry.expires_at)
    yield from (("Selector", f"{one.type}:{one.value}") for one in entry.selectors)
    yield from (("FederatesWith", one) for one in entry.federates_with)
    yield from (("DNS name", one) for one in entry.dns_names)
    yield from _flags(entry)


def _flags(entry: Entry) -> Iterator[tuple[str, object]]:
    """Shown only where set."""
    attributes = entry.additional_attributes
    shown = (
        ("Admin", entry.admin),
        ("StoreSvid", entry.store_svid),
        ("Hint", entry.hint),
        ("DisableX509SvidPrefetch", attributes.disable_x509_svid_prefetch),
        ("JwtSvidIncludeJti", attributes.jwt_svid_include_jti),
    )
    yield from ((label, "true" if value is True else value) for label, value in shown if value)


def read_entries(text: str, where: str) -> list[Entry]:
    """The JSON of `-data`. Unknown fields are ignored, as in SPIRE. Raises: InvalidArgument."""
    rows = read_object(text, where, "common.RegistrationEntries").get("entries")
    if rows is not None and not (isinstance(rows, list) and all(isinstance(row, dict) for row in rows)):
        raise InvalidArgument(f'"{where}": "entries" is not a list of objects', hint=DATA_HINT)
    return [_entry(row, f'"{where}": entry {number}') for number, row in enumerate(rows or (), 1)]


def _entry(row: dict[str, Any], where: str) -> Entry:
    try:
        entry = Entry(
            id=row.get("entry_id", ""),
            spiffe_id=_named(row, "spiffe_id", "SPIFFE ID"),
            parent_id=_named(row, "parent_id", "parent ID"),
            selectors=[
                SelectorMessage(type=one["type"], value=one["value"]) for one in row.get("selectors", ())
            ],
            x509_svid_ttl=row.get("x509_svid_ttl", 0),
            jwt_svid_ttl=row.get("jwt_svid_ttl", 0),
            federates_with=[one.removeprefix(SCHEME) for one in row.get("federates_with", ())],
            dns_names=row.get("dns_names", ()),
            admin=row.get("admin", False),
            downstream=row.get("downstream", False),
            store_svid=row.get("store_svid", False),
            expires_at=row.get("entry_expiry", 0),
            hint=row.get("hint", ""),
        )
        attributes = row.get("additional_attributes") or {}
        for name in ("disable_x509_svid_prefetch", "jwt_svid_include_jti"):
            if attributes.get(name):
                setattr(entry.additional_attributes, name, attributes[name])
    except (TypeError, KeyError, ValueError, OverflowError, AttributeError) as why:
        raise InvalidArgument(f"{where} cannot be read: {why}", hint=DATA_HINT) from why
    return entry


def _named(row: dict[str, Any], field: str, name: str) -> SPIFFEID:
    try:
        return read_id(row.get(field, ""))
    except InvalidArgument as why:
        raise why.within(f"invalid {name}") from why
