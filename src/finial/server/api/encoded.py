"""Entries as they go over the wire, each encoded once: a list is put together from ready bytes.

Kept by entry ID, and good for as long as the index answers the very same entry.
"""

from __future__ import annotations

from collections.abc import Iterable

from finial.registry.entry import Entry
from finial.wire.convert.entry import entry_to_wire
from finial.wire.pb.spire.api.server.entry.v1.entry_pb2 import ListEntriesResponse

MOST = 150_000  # about 60 MiB; then all are encoded again
ENTRIES = bytes((ListEntriesResponse.ENTRIES_FIELD_NUMBER << 3 | 2,))  # the tag before each entry


class EncodedEntries:
    """Belongs to the event loop, as the index does."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[Entry, bytes]] = {}

    def response(self, entries: Iterable[Entry], next_page_token: str) -> ListEntriesResponse:
        """With all fields of the entries."""
        response = ListEntriesResponse.FromString(b"".join(map(self._field, entries)))
        response.next_page_token = next_page_token
        return response

    def _field(self, entry: Entry) -> bytes:
        """The entry as one value of the field `entries`: tag, length, message."""
        kept = self._kept.get(entry.id)
        if kept is not None and kept[0] is entry:
            return kept[1]
        message = entry_to_wire(entry).SerializeToString()
        encoded = b"".join((ENTRIES, varint(len(message)), message))
        if len(self._kept) >= MOST:
            self._kept.clear()
        self._kept[entry.id] = entry, encoded
        return encoded


def varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first; all but the last byte have the highest bit."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
