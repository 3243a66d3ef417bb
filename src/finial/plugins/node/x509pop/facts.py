"""What a trusted certificate tells about its node: selectors, and the data of agent path templates. Pure.

The data has the fields of Go's `x509.Certificate` that are plain, beside SPIRE's own: `PluginName`, `TrustDomain`,
`Fingerprint`, `SerialNumberHex`, `SVIDPathTrimmed`, `URISanSelectors`. SPIRE 1.15 `pkg/common/plugin/x509pop`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from urllib.parse import unquote, urlsplit

from cryptography import x509
from cryptography.x509.oid import NameOID

from finial.plugins.node.agent_path import Names
from finial.plugins.node.x509pop.exchange import NAME
from finial.spiffe.selector import Selector
from finial.spiffe.trust_domain import TrustDomain
from finial.svid.certificate import Certificate
from finial.template.values import Record, Value

NAME_FIELDS = {
    "Country": NameOID.COUNTRY_NAME,
    "Organization": NameOID.ORGANIZATION_NAME,
    "OrganizationalUnit": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "Locality": NameOID.LOCALITY_NAME,
    "Province": NameOID.STATE_OR_PROVINCE_NAME,
    "StreetAddress": NameOID.STREET_ADDRESS,
    "PostalCode": NameOID.POSTAL_CODE,
}


def fingerprint(certificate: Certificate) -> str:
    """SHA-1 of the DER, hexadecimal, as SPIRE names agents."""
    return hashlib.sha1(certificate.der, usedforsecurity=False).hexdigest()


def serial_number_hex(certificate: Certificate) -> str:
    """Lower case, an even number of digits."""
    digits = f"{certificate.serial_number:x}"
    return digits if len(digits) % 2 == 0 else "0" + digits


def common_name(name: x509.Name) -> str:
    """The last one, as Go reads it; empty if there is none."""
    values = _values(name, NameOID.COMMON_NAME)
    return values[-1] if values else ""


def _values(name: x509.Name, oid: x509.ObjectIdentifier) -> list[str]:
    values = (one.value for one in name.get_attributes_for_oid(oid))
    return [one if isinstance(one, str) else one.decode("utf-8", "replace") for one in values]


def uri_facts(uris: Iterable[str], trust_domain: TrustDomain) -> dict[str, str]:
    """Keys and values of `x509pop://<trust domain>/<key>/<value>`; other URIs tell nothing."""
    found = {}
    for uri in uris:
        if uri.startswith(f"x509pop://{trust_domain.name}/"):
            key, _, value = unquote(urlsplit(uri).path).strip("/").partition("/")
            if key and value:
                found[key] = value
    return found


def selectors(
    leaf: Certificate, paths: Sequence[Sequence[Certificate]], san: Mapping[str, str]
) -> tuple[Selector, ...]:
    return tuple(Selector(NAME, value) for value in _selector_values(leaf, paths, san))


def _selector_values(
    leaf: Certificate, paths: Sequence[Sequence[Certificate]], san: Mapping[str, str]
) -> Iterator[str]:
    if common_name(leaf.subject):
        yield f"subject:cn:{common_name(leaf.subject)}"
    issuers = dict.fromkeys(fingerprint(one) for path in paths for one in path[1:])
    yield from (f"ca:fingerprint:{one}" for one in issuers)
    yield f"serialnumber:{serial_number_hex(leaf)}"
    yield from (f"san:{key}:{value}" for key, value in san.items())


def template_data(
    leaf: Certificate, trust_domain: TrustDomain, san: Mapping[str, str], svid_path: str, names: Names
) -> Value:
    """`names` is what becomes of a name that the certificate's owner may have chosen."""
    alternative = _alternative_names(leaf.parsed)
    fields: dict[str, Value] = {
        "PluginName": NAME,
        "TrustDomain": trust_domain.name,
        "Fingerprint": fingerprint(leaf),
        "SerialNumberHex": serial_number_hex(leaf),
        "SVIDPathTrimmed": svid_path,
        "URISanSelectors": MappingProxyType({key: names(value) for key, value in san.items()}),
        "Subject": _name(leaf.subject, names),
        "Issuer": _name(leaf.issuer, names),
        "SerialNumber": leaf.serial_number,
        "Version": leaf.parsed.version.value + 1,
        "NotBefore": _time(leaf.not_before),
        "NotAfter": _time(leaf.not_after),
        "IsCA": leaf.is_ca,
        "DNSNames": [names(one) for one in leaf.dns_names],
        "URIs": [Record("url.URL", MappingProxyType({}), one) for one in leaf.uris],
        "EmailAddresses": [names(one) for one in _of_type(alternative, x509.RFC822Name)],
        "IPAddresses": [str(one) for one in _of_type(alternative, x509.IPAddress)],
        "SubjectKeyId": leaf.subject_key_id or b"",
        "AuthorityKeyId": leaf.authority_key_id or b"",
    }
    return Record("x509pop.agentPathTemplateData", MappingProxyType(fields))


def _alternative_names(parsed: x509.Certificate) -> x509.SubjectAlternativeName | None:
    try:
        return parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None


def _of_type(names: x509.SubjectAlternativeName | None, kind: type[x509.GeneralName]) -> list[str]:
    return [str(one.value) for one in names or () if isinstance(one, kind)]


def ip_addresses(leaf: Certificate) -> list[str]:
    return _of_type(_alternative_names(leaf.parsed), x509.IPAddress)


def _name(name: x509.Name, names: Names) -> Record:
    fields: dict[str, Value] = {
        field: [names(one) for one in _values(name, oid)] for field, oid in NAME_FIELDS.items()
    }
    serial = _values(name, NameOID.SERIAL_NUMBER)
    fields["SerialNumber"] = names(serial[-1]) if serial else ""
    fields["CommonName"] = names(common_name(name))
    return Record("pkix.Name", MappingProxyType(fields), names(name.rfc4514_string()))


def _time(when: datetime) -> Record:
    """Printed as Go prints a time in UTC."""
    return Record("time.Time", MappingProxyType({}), f"{when:%Y-%m-%d %H:%M:%S} +0000 UTC")
