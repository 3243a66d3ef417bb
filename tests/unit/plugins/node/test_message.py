"""JSON of node attestation."""

from __future__ import annotations

import pytest

from finial.errors import InvalidArgument, PermissionDenied
from finial.plugins.node import message


def test_messages_travel_as_go_writes_them() -> None:
    data = message.encode({"Nonce": message.to_text(b"\xff"), "Rest": None})
    assert data == b'{"Nonce":"/w==","Rest":null}'
    found = message.decode(data, "f")
    assert message.data_of(found, "nonce", "f") == b"\xff" and message.data_of(found, "rest", "f") == b""


@pytest.mark.parametrize(
    "data", [b"", b"x", b"[]", b"\xff", b'{"a": 1, "A": 2}', b"[" * 100_000, b" " * (message.MAX_SIZE + 1)]
)
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidArgument, match="^f: "):
        message.decode(data, "f")


def test_parts_have_their_kinds() -> None:
    found = message.decode(b'{"t": 1, "n": true, "p": [], "b": "*", "o": {"n": 3}}', "f")
    for read in (message.text, message.data_of):
        with pytest.raises(InvalidArgument):
            read(found, "t", "f")
    with pytest.raises(InvalidArgument):
        message.number(found, "n", "f")
    with pytest.raises(InvalidArgument):
        message.part(found, "p", "f")
    with pytest.raises(InvalidArgument, match="no base64"):
        message.data_of(found, "b", "f")
    inner = message.part(found, "o", "f")
    assert (
        inner is not None and message.number(inner, "n", "f") == 3 and message.part(found, "x", "f") is None
    )


def test_errors_name_the_plugin_and_keep_their_kind() -> None:
    with pytest.raises(PermissionDenied, match=r"^nodeattestor\(x\): why$"), message.of_plugin("x"):
        raise PermissionDenied("why")
