"""Distinguished names as Go's crypto/x509 writes them, so that bytes are equal to SPIRE's. Pure.

Attributes stand in one fixed order; several values of a kind share one relative name; a value is a
PrintableString where its characters allow and a UTF8String elsewhere. What a foreign name holds beyond
the known kinds is dropped, as Go drops it when it writes a name again.
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography import x509
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID, ObjectIdentifier

from finial.errors import InvalidArgument

PRINTABLE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 '()+,-./:=?")
MAX_COMMON_NAME = 64  # bytes of UTF-8, the narrow reading of X.520; strict verifiers refuse a longer one


@dataclass(frozen=True, slots=True)
class Subject:
    """A distinguished name by kind of attribute.

    `more` are further attributes, dotted OID and value, each a relative name of its own at the end; one of a
    known kind stands in place of that kind.
    """

    countries: tuple[str, ...] = ()
    organizations: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    localities: tuple[str, ...] = ()
    provinces: tuple[str, ...] = ()
    streets: tuple[str, ...] = ()
    postal_codes: tuple[str, ...] = ()
    common_name: str = ""
    serial_number: str = ""
    more: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, name: x509.Name) -> Subject:
        """From a certificate or request. Of several common names or serial numbers the last counts."""

        def values(oid: ObjectIdentifier) -> tuple[str, ...]:
            return tuple(one.value for one in name.get_attributes_for_oid(oid) if isinstance(one.value, str))

        countries, organizations, units, localities, provinces, streets, codes = map(values, REPEATABLE)
        return cls(
            countries,
            organizations,
            units,
            localities,
            provinces,
            streets,
            codes,
            common_name=(values(NameOID.COMMON_NAME) or ("",))[-1],
            serial_number=(values(NameOID.SERIAL_NUMBER) or ("",))[-1],
        )

    @property
    def empty(self) -> bool:
        return self == Subject()

    def name(self) -> x509.Name:
        """Raises: InvalidArgument for a value the attribute cannot hold, a country of three letters say."""
        several = (
            self.countries,
            self.organizations,
            self.units,
            self.localities,
            self.provinces,
            self.streets,
            self.postal_codes,
        )
        single = (self.common_name, self.serial_number)
        known = [
            *zip(REPEATABLE, several, strict=True),
            *((oid, (value,) if value else ()) for oid, value in zip(SINGLE, single, strict=True)),
        ]
        more = [(_oid(dotted), (value,)) for dotted, value in self.more]
        replaced = {oid for oid, _ in more}
        groups = [*((oid, values) for oid, values in known if values and oid not in replaced), *more]
        return x509.Name([_relative_name(oid, values) for oid, values in groups])


REPEATABLE = (
    NameOID.COUNTRY_NAME,
    NameOID.ORGANIZATION_NAME,
    NameOID.ORGANIZATIONAL_UNIT_NAME,
    NameOID.LOCALITY_NAME,
    NameOID.STATE_OR_PROVINCE_NAME,
    NameOID.STREET_ADDRESS,
    NameOID.POSTAL_CODE,
)
SINGLE = (NameOID.COMMON_NAME, NameOID.SERIAL_NUMBER)


def _oid(dotted: str) -> ObjectIdentifier:
    try:
        return ObjectIdentifier(dotted)
    except ValueError as why:
        raise InvalidArgument(f'subject attribute "{dotted}" is no object identifier') from why


def _relative_name(oid: ObjectIdentifier, values: tuple[str, ...]) -> x509.RelativeDistinguishedName:
    try:
        return x509.RelativeDistinguishedName([_attribute(oid, value) for value in dict.fromkeys(values)])
    except (ValueError, TypeError) as why:
        raise InvalidArgument(f"subject attribute {_quoted(values)} is invalid: {why}") from why


def _attribute(oid: ObjectIdentifier, value: str) -> x509.NameAttribute[str]:
    kind = _ASN1Type.PrintableString if PRINTABLE.issuperset(value) else _ASN1Type.UTF8String
    return x509.NameAttribute(oid, value, kind)


def _quoted(values: tuple[str, ...]) -> str:
    return ", ".join(f'"{value}"' for value in values)


SPIRE = Subject(countries=("US",), organizations=("SPIRE",))  # of agents, servers and workloads
SPIFFE = Subject(countries=("US",), organizations=("SPIFFE",))  # of CAs
