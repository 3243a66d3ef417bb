from __future__ import annotations

import ssl

import httpx
import pytest

from finial.lab.outcome import outcome_of, tls_reason
from finial.runtime.tls import PeerRefused


def alert() -> httpx.HTTPError:
    error = httpx.ReadError("read")
    error.__cause__ = ssl.SSLError(1, "[SSL: TLSV1_ALERT_UNKNOWN_CA] tlsv1 alert unknown ca")
    return error


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (alert(), "refused: [SSL: TLSV1_ALERT_UNKNOWN_CA] tlsv1 alert unknown ca"),
        (PeerRefused("unexpected ID"), "refused: unexpected ID"),
        (httpx.RemoteProtocolError("disconnected"), "refused: disconnected"),
        (ConnectionResetError(), "refused: ConnectionResetError"),
        (ssl.SSLEOFError(8, "eof"), "refused: eof"),
        (httpx.ConnectError("no route"), "unreachable: no route"),
        (httpx.ReadTimeout(""), "unreachable: ReadTimeout"),
    ],
)
def test_refused_and_unreachable_are_told_apart(error: Exception, text: str) -> None:
    assert outcome_of(error) == text


def test_only_a_handshake_that_was_ended_on_purpose_has_a_reason() -> None:
    assert tls_reason(PeerRefused("unexpected ID")) == "unexpected ID"
    for error in (httpx.ConnectError("no route"), ConnectionResetError(), ssl.SSLEOFError(8, "eof")):
        assert tls_reason(error) is None
