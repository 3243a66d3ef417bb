"""How a call ended, between our errors and gRPC's: the one table of each direction.

Server: `status_of` answers an error kind without details; `wire.status` has the fuller table and is passed in.
Client: `transport_error` turns what grpclib, h2 and sockets raise into kinds, where grpc-go has codes.
"""

from __future__ import annotations

import os
import ssl

from grpclib.const import Status
from grpclib.exceptions import GRPCError, StreamTerminatedError
from h2.exceptions import ProtocolError as Http2Error

from finial import errors

STATUSES: dict[type[errors.FinialError], Status] = {
    errors.InvalidArgument: Status.INVALID_ARGUMENT,
    errors.NotFound: Status.NOT_FOUND,
    errors.AlreadyExists: Status.ALREADY_EXISTS,
    errors.PermissionDenied: Status.PERMISSION_DENIED,
    errors.Unauthenticated: Status.UNAUTHENTICATED,
    errors.FailedPrecondition: Status.FAILED_PRECONDITION,
    errors.ResourceExhausted: Status.RESOURCE_EXHAUSTED,
    errors.Unavailable: Status.UNAVAILABLE,
    errors.DeadlineExceeded: Status.DEADLINE_EXCEEDED,
    errors.Unsupported: Status.UNIMPLEMENTED,
    errors.Internal: Status.INTERNAL,
}
TRANSPORT_ERRORS = (OSError, StreamTerminatedError, Http2Error)
"""OSError covers ConnectionError, ssl.SSLError and asyncio.TimeoutError."""


def status_of(error: BaseException) -> GRPCError:
    """Kinds by their nearest base; anything else is Internal and tells nothing."""
    if isinstance(error, errors.FinialError):
        for kind in type(error).__mro__:
            if kind in STATUSES:
                return GRPCError(STATUSES[kind], error.message)
    return GRPCError(Status.INTERNAL, "internal error")


def transport_error(what: str, error: BaseException) -> errors.FinialError:
    """`what`: the call or connection that failed, as the message is to name it."""
    if isinstance(error, TimeoutError):
        return errors.DeadlineExceeded(f"{what}: deadline exceeded")
    return errors.Unavailable(f"{what}: {reason_of(error)}")


def reason_of(error: BaseException) -> str:
    """Why a connection or stream failed, in lower case; of a refused TLS peer its own words."""
    if isinstance(error, ssl.SSLError):
        return str(error)
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno).lower()
    text = str(error) or "connection lost"
    return text[0].lower() + text[1:]
