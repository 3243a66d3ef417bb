"""IDs, selectors and times as they are typed and shown, in every group of commands; how selectors match. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

from finial.errors import InvalidArgument
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.spiffe.trust_domain import SCHEME
from finial.wire.pb.spire.api.types.selector_pb2 import Selector as SelectorMessage
from finial.wire.pb.spire.api.types.spiffeid_pb2 import SPIFFEID

MATCHES = ("exact", "subset", "superset", "any")


def id_text(message: SPIFFEID) -> str:
    return f"{SCHEME}{message.trust_domain}{message.path}"


def time_text(unix: int) -> str:
    """As Go prints a time: `2100-01-01 00:00:00 +0000 UTC`; beyond the year 9999 the bare Unix seconds."""
    try:
        return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%d %H:%M:%S +0000 UTC")
    except (ValueError, OSError, OverflowError):
        return f"{unix} (Unix seconds)"


def parse_id(text: str) -> SpiffeId:
    """Raises: InvalidArgument, in SPIRE's words, which do not name the value; the hint does."""
    try:
        return SpiffeId.parse(text)
    except InvalidArgument as why:
        hint = f'"{text}" is no SPIFFE ID: one looks like spiffe://example.org/web'
        raise InvalidArgument(why.message, hint=why.hint or hint) from why


def read_id(text: str) -> SPIFFEID:
    """Raises: InvalidArgument."""
    checked = parse_id(text)
    return SPIFFEID(trust_domain=checked.trust_domain.name, path=checked.path)


def read_selector(text: str) -> SelectorMessage:
    """Splits at the first colon; whether both halves are there is the server's to check, as in SPIRE."""
    kind, colon, value = text.partition(":")
    if not colon:
        Selector.parse(text)  # raises, with the text
    return SelectorMessage(type=kind, value=value)


def match_name(behavior: str) -> str:
    """The name of the enum's value."""
    if behavior not in MATCHES:
        raise InvalidArgument(f'match behavior "{behavior}" unknown')
    return f"MATCH_{behavior.upper()}"
