"""Distinguished names as Go writes them: PrintableString where the characters allow, else UTF8String. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from cryptography import x509
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID, ObjectIdentifier

from finial.errors import InvalidArgument

PRINTABLE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 '()+,-./:=?")


def attribute(oid: ObjectIdentifier, value: str) -> x509.NameAttribute[str]:
    """Raises: InvalidArgument for a value the attribute cannot hold, a country of three letters say."""
    kind = _ASN1Type.PrintableString if PRINTABLE.issuperset(value) else _ASN1Type.UTF8String
    try:
        return x509.NameAttribute(oid, value, kind)
    except (ValueError, TypeError) as why:
        raise InvalidArgument(f'subject attribute "{value}" is invalid: {why}') from why


def name(attributes: Iterable[tuple[ObjectIdentifier, str]]) -> x509.Name:
    """One relative name per attribute, in the given order."""
    return x509.Name([attribute(oid, value) for oid, value in attributes])


SPIRE = name([(NameOID.COUNTRY_NAME, "US"), (NameOID.ORGANIZATION_NAME, "SPIRE")])
