"""Errors to gRPC and back: each kind has its code, a surprise tells nothing."""

from __future__ import annotations

import ssl

import pytest
from grpclib.const import Status
from grpclib.exceptions import StreamTerminatedError

from finial import errors
from finial.runtime.http2.events import StreamRefused
from finial.runtime.http2.outcome import STATUSES, status_of, transport_error


def test_every_kind_has_a_code() -> None:
    kinds = {
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.FinialError)
    }
    assert set(STATUSES) == kinds - {errors.FinialError}


def test_a_kind_is_answered_with_its_message() -> None:
    answer = status_of(errors.NotFound('entry "x": not found'))
    assert (answer.status, answer.message) == (Status.NOT_FOUND, 'entry "x": not found')
    assert status_of(StreamRefused("later")).status is Status.UNAVAILABLE


@pytest.mark.parametrize("error", [KeyError("secret"), OSError("secret"), errors.FinialError("bare")])
def test_a_surprise_is_internal_and_tells_nothing(error: Exception) -> None:
    answer = status_of(error)
    assert (answer.status, answer.message, answer.details) == (Status.INTERNAL, "internal error", None)


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (TimeoutError(), errors.DeadlineExceeded, "call: deadline exceeded"),
        (ConnectionRefusedError(111, "Connect call failed"), errors.Unavailable, "call: connection refused"),
        (StreamTerminatedError("Connection lost"), errors.Unavailable, "call: connection lost"),
        (ssl.SSLError(1, "certificate verify failed"), errors.Unavailable, "certificate verify failed"),
        (ConnectionResetError(), errors.Unavailable, "call: connection lost"),
    ],
)
def test_transport_failures_are_kinds(error: Exception, kind: type[Exception], text: str) -> None:
    mapped = transport_error("call", error)
    assert isinstance(mapped, kind)
    assert text in str(mapped)
