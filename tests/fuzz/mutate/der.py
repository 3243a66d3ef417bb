"""Changes to DER by structure: elements stay whole, lengths right. What is no DER is changed blindly.

Inside a bit string or an octet string there may be DER again.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tests.fuzz.mutate.blind import mutated

from finial.errors import InvalidArgument
from finial.testing.der import elements

DEEPEST = 32
HELD = (b"\x30", b"\x02", b"\x03", b"\x04")  # what DER in a string begins with
BIT_STRING, OCTET_STRING, CONSTRUCTED = 0x03, 0x04, 0x20
TAGS = (
    0x01,
    0x02,
    0x03,
    0x04,
    0x05,
    0x06,
    0x0C,
    0x13,
    0x16,
    0x17,
    0x18,
    0x30,
    0x31,
    0x80,
    0x82,
    0x86,
    0x87,
    0xA0,
    0xA3,
)
CONTENTS = (
    b"", b"\0", b"\x01", b"\xff", b"\x7f" * 20, b"\x80" + b"\0" * 20, b"spiffe://example.org/web", b"spiffe://a.test/%2f", b"x://[a", b"x:/a",
    b"*.example.org", b"\x7f\0\0\1", b"\0" * 16, b"991231235959Z", b"00010101000000Z", b"99991231235959Z", b"\xc3\x28",
    b"\x55\x1d\x11", b"\x55\x1d\x13", b"\x55\x1d\x0f", b"\x55\x1d\x1e", b"\x55\x1d\x25", b"\x55\x04\x03", b"\x55\x04\x2d",
    b"\x2a\x86\x48\xce\x3d\x02\x01", b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01", b"\x2b\x65\x70", b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x0e",
)  # fmt: skip


@dataclass
class Element:
    """With `inner` elements, or with bytes. `lead`: the first byte of a bit string that holds DER."""

    tag: int
    content: bytes = b""
    inner: list[Element] = field(default_factory=list)
    lead: bytes = b""

    def flat(self) -> Element:
        """The same, with bytes: an element may be put into itself."""
        return Element(self.tag, self.lead + encoded(self.inner)) if self.inner else self

    def encoded(self) -> bytes:
        content = self.flat().content
        size = len(content)
        if size < 0x80:
            return bytes([self.tag, size]) + content
        digits = size.to_bytes((size.bit_length() + 7) // 8)
        return bytes([self.tag, 0x80 | len(digits)]) + digits + content


def encoded(found: list[Element]) -> bytes:
    return b"".join(one.encoded() for one in found)


def read_der(data: bytes, depth: int = 0) -> list[Element]:
    """Raises: InvalidArgument."""
    return [_element(tag, content, depth) for tag, content in elements(data)]


def _element(tag: int, content: bytes, depth: int) -> Element:
    if depth == DEEPEST:
        return Element(tag, content)
    if tag & CONSTRUCTED:
        return Element(tag, content, read_der(content, depth + 1))
    lead = content[:1] if tag == BIT_STRING else b""
    if tag in (BIT_STRING, OCTET_STRING) and content[len(lead) : len(lead) + 1] in HELD:
        try:
            return Element(tag, content, read_der(content[len(lead) :], depth + 1), lead)
        except InvalidArgument:
            pass
    return Element(tag, content)


def by_der(data: bytes, rng: random.Random) -> bytes:
    """Elements dropped, doubled, swapped, taken from elsewhere, and changed in tag or content."""
    try:
        top = read_der(data)
    except InvalidArgument:
        return mutated(data, (), (), rng)
    for _ in range(rng.choice((1, 1, 2, 4))):
        every = list(_lists(top))
        _change_list(rng.choice(every), [one for each in every for one in each], rng)
    return encoded(top)


def _lists(found: list[Element]) -> Iterator[list[Element]]:
    yield found
    for one in found:
        if one.inner:
            yield from _lists(one.inner)


def _change_list(found: list[Element], every: Sequence[Element], rng: random.Random) -> None:
    if not found:
        found.append(Element(rng.choice(TAGS), rng.choice(CONTENTS)))
        return
    at = rng.randrange(len(found))
    match rng.randrange(8):
        case 0:
            del found[at]
        case 1:
            found.insert(at, found[at].flat())
        case 2:
            found.insert(rng.randrange(len(found)), found.pop(at))
        case 3:
            found[at] = rng.choice(every).flat()
        case 4:
            found.insert(at, Element(rng.choice(TAGS), rng.choice(CONTENTS)))
        case _:
            found[at] = _changed(found[at], rng)


def _changed(one: Element, rng: random.Random) -> Element:
    if one.inner or rng.random() < 0.2:
        return Element(rng.choice(TAGS), one.content, list(one.inner), one.lead)
    content = rng.choice(CONTENTS) if rng.random() < 0.5 else mutated(one.content, (), (), rng)
    return Element(one.tag, content)
