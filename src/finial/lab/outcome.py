"""What became of a call that got no answer: refused by TLS, or nobody there. Pure."""

from __future__ import annotations

import ssl

import httpx

from finial.lab.checks import REFUSED

ENDED = (ssl.SSLEOFError, ssl.SSLZeroReturnError)  # the other side went away, and gave no reason


def outcome_of(error: BaseException) -> str:
    """Refused with TLS's reason, or by a connection that was closed; a peer never reached is neither."""
    reason = tls_reason(error)
    if reason is not None:
        return f"{REFUSED}: {reason}"
    kind = "unreachable" if isinstance(error, httpx.ConnectError | httpx.TimeoutException) else REFUSED
    return f"{kind}: {str(error) or type(error).__name__}"


def tls_reason(error: BaseException) -> str | None:
    """Why one side ended the handshake; None if no side did. httpx hides it among the causes."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, ENDED):
            reason = getattr(cause, "reason", None) or str(cause)
            return reason.lower().replace("_", " ") if reason.isupper() else reason
        cause = cause.__cause__ or cause.__context__
    return None
