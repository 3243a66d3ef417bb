"""Which first bytes of a client could resume a session by its ID."""

from __future__ import annotations

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finial.runtime.tls.hello import may_resume


def first_bytes(*, maximum: ssl.TLSVersion) -> bytes:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.maximum_version = maximum
    outgoing = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def hello(session_id: bytes, extensions: bytes = b"", *, claimed: int | None = None) -> bytes:
    body = b"\x03\x03" + bytes(32) + bytes([len(session_id)]) + session_id
    body += b"\x00\x02\x13\x01" + b"\x01\x00" + len(extensions).to_bytes(2) + extensions
    message = b"\x01" + (len(body) if claimed is None else claimed).to_bytes(3) + body
    return b"\x16\x03\x01" + len(message).to_bytes(2) + message


VERSIONS_1_3 = b"\x00\x2b\x00\x05\x04\x03\x04\x03\x03"
VERSIONS_1_2 = b"\x00\x2b\x00\x03\x02\x03\x03"


def test_first_hello_of_tls_1_2_names_no_session() -> None:
    assert may_resume(first_bytes(maximum=ssl.TLSVersion.TLSv1_2)) is False


def test_dummy_session_id_of_tls_1_3_is_no_resumption() -> None:
    data = first_bytes(maximum=ssl.TLSVersion.TLSv1_3)
    assert data[43] == 32  # the dummy is there
    assert may_resume(data) is False


@pytest.mark.parametrize("extensions", [b"", VERSIONS_1_2, b"\x00\x17\x00\x00" + VERSIONS_1_2])
def test_session_id_without_tls_1_3_may_resume(extensions: bytes) -> None:
    assert may_resume(hello(bytes(32), extensions)) is True


def test_supported_versions_is_found_behind_other_extensions() -> None:
    assert may_resume(hello(bytes(32), b"\x00\x17\x00\x00" + VERSIONS_1_3)) is False


def test_version_1_3_at_an_odd_place_does_not_count() -> None:
    assert may_resume(hello(bytes(32), b"\x00\x2b\x00\x05\x04\x00\x03\x04\x00")) is True


def test_hello_split_over_records_takes_the_costly_way() -> None:
    assert may_resume(hello(b"", claimed=60000)) is True


def test_what_is_no_handshake_is_left_to_openssl() -> None:
    assert may_resume(b"GET / HTTP/1.1\r\n") is False


def test_record_that_promises_too_much_is_not_waited_for() -> None:
    assert may_resume(b"\x16\x03\x01\x40\x01") is False
    assert may_resume(b"\x16\x03\x01\x40\x00") is None


def test_incomplete_hello_asks_for_more() -> None:
    data = hello(bytes(32))
    assert all(may_resume(data[:size]) is None for size in range(len(data)))


@given(st.binary(max_size=300))
def test_any_bytes_get_an_answer(data: bytes) -> None:
    record = b"\x16\x03\x01" + len(data).to_bytes(2) + data
    assert may_resume(record) in (True, False)
    assert may_resume(data) in (True, False, None)
