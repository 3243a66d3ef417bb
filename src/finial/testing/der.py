"""DER as text, short elements on one line, nothing lost: two dumps are equal if and only if the bytes are.

What differs from run to run is shown by a name: `names` maps the bytes of a value, without tag and length, to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from finial.errors import InvalidArgument

CONSTRUCTED = 0x20
WIDTH = 110
TAGS = {
    0x01: "BOOLEAN",
    0x02: "INTEGER",
    0x03: "BIT STRING",
    0x04: "OCTET STRING",
    0x05: "NULL",
    0x06: "OBJECT IDENTIFIER",
    0x0C: "UTF8String",
    0x13: "PrintableString",
    0x17: "UTCTime",
    0x18: "GeneralizedTime",
    0x30: "SEQUENCE",
    0x31: "SET",
}
TEXTS = frozenset({0x0C, 0x13, 0x17, 0x18, 0x82, 0x86})
OIDS = {
    "1.2.840.10045.2.1": "ecPublicKey",
    "1.2.840.10045.3.1.7": "P-256",
    "1.3.132.0.34": "P-384",
    "1.2.840.10045.4.3.2": "ecdsa-with-SHA256",
    "1.2.840.10045.4.3.3": "ecdsa-with-SHA384",
    "1.2.840.113549.1.1.1": "rsaEncryption",
    "1.2.840.113549.1.1.11": "sha256WithRSAEncryption",
    "1.3.6.1.5.5.7.3.1": "serverAuth",
    "1.3.6.1.5.5.7.3.2": "clientAuth",
    "2.5.4.3": "CN",
    "2.5.4.5": "serialNumber",
    "2.5.4.6": "C",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "2.5.4.45": "x500UniqueIdentifier",
    "2.5.29.14": "subjectKeyIdentifier",
    "2.5.29.15": "keyUsage",
    "2.5.29.17": "subjectAltName",
    "2.5.29.19": "basicConstraints",
    "2.5.29.35": "authorityKeyIdentifier",
    "2.5.29.37": "extKeyUsage",
}


def dump(der: bytes, names: Mapping[bytes, str]) -> str:
    """Raises: InvalidArgument for what is not DER."""
    return "\n".join(_lines(der, names, 0))


def _lines(der: bytes, names: Mapping[bytes, str], depth: int) -> Iterator[str]:
    for tag, content in elements(der):
        title, indent = TAGS.get(tag) or f"[{tag & 0x1F}]", "  " * depth
        if content in names:
            yield f"{indent}{title} {names[content]}"
        elif not (tag & CONSTRUCTED or (tag == 0x04 and _is_der(content))):
            yield f"{indent}{title} {_value(tag, content)}".rstrip()
        else:
            within = list(_lines(content, names, depth + 1))
            short = f"{indent}{title} {{ {', '.join(one.strip() for one in within)} }}"
            if len(short) <= WIDTH and not any(one.endswith("{") for one in within):
                yield short
            else:
                yield f"{indent}{title} {{"
                yield from within
                yield f"{indent}}}"


def elements(der: bytes) -> Iterator[tuple[int, bytes]]:
    """Tag and content, one after the other. Raises: InvalidArgument."""
    at = 0
    while at < len(der):
        tag, size, start = der[at], *_length(der, at + 1)
        content = der[start : start + size]
        if len(content) != size or tag & 0x1F == 0x1F:
            raise InvalidArgument(f"not DER: element at {at} is cut short or has a long tag")
        yield tag, content
        at = start + size


def _length(der: bytes, at: int) -> tuple[int, int]:
    """Of a content, and where it begins. A length that is not written as short as it can be is not DER."""
    first = der[at] if at < len(der) else 0x80
    if first < 0x80:
        return first, at + 1
    digits = der[at + 1 : at + 1 + (first & 0x7F)]
    size = int.from_bytes(digits)
    if not digits or digits[0] == 0 or size < 0x80:
        raise InvalidArgument(f"not DER: length at {at}")
    return size, at + 1 + len(digits)


def _is_der(content: bytes) -> bool:
    try:
        return bool(list(elements(content)))
    except InvalidArgument:
        return False


def _value(tag: int, content: bytes) -> str:
    if tag in TEXTS:
        return f'"{content.decode()}"'
    if tag == 0x06:
        dotted = _dotted(content)
        return OIDS.get(dotted, dotted)
    return content.hex()


def _dotted(content: bytes) -> str:
    numbers, number = [], 0
    for byte in content:
        number = number << 7 | byte & 0x7F
        if byte < 0x80:
            numbers.append(number)
            number = 0
    first = min(numbers[0] // 40, 2)
    return ".".join(map(str, (first, numbers[0] - 40 * first, *numbers[1:])))
