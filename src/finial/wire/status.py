"""Our error kinds <-> gRPC statuses, the details of a denial, and the status of one item of a batch.

What is not one of our kinds becomes INTERNAL without a word of why: that is for the log. Details travel in
the messages of our private pool, so a channel that is to read them is made with `DetailsCodec()`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from grpclib.const import Status
from grpclib.encoding.base import StatusDetailsCodecBase
from grpclib.exceptions import GRPCError

from finial import errors
from finial.errors import Denial, FinialError, NotFound, PermissionDenied
from finial.wire.pb.google.protobuf import any_pb2
from finial.wire.pb.google.rpc import status_pb2 as rpc_status_pb2
from finial.wire.pb.spire.api.types import status_pb2
from finial.wire.pool import POOL

CODES: dict[type[FinialError], Status] = {
    errors.InvalidArgument: Status.INVALID_ARGUMENT,
    errors.DeadlineExceeded: Status.DEADLINE_EXCEEDED,
    errors.NotFound: Status.NOT_FOUND,
    errors.AlreadyExists: Status.ALREADY_EXISTS,
    errors.PermissionDenied: Status.PERMISSION_DENIED,
    errors.ResourceExhausted: Status.RESOURCE_EXHAUSTED,
    errors.FailedPrecondition: Status.FAILED_PRECONDITION,
    errors.Unsupported: Status.UNIMPLEMENTED,
    errors.Internal: Status.INTERNAL,
    errors.Unavailable: Status.UNAVAILABLE,
    errors.Unauthenticated: Status.UNAUTHENTICATED,
}
KINDS: dict[Status, type[FinialError]] = {code: kind for kind, code in CODES.items()} | {
    # No server of ours sends these; the nearest kind by what the caller should do next.
    Status.CANCELLED: errors.Unavailable,
    Status.ABORTED: errors.FailedPrecondition,
    Status.OUT_OF_RANGE: errors.InvalidArgument,
}
GO_NAMES = (
    "OK", "Canceled", "Unknown", "InvalidArgument", "DeadlineExceeded", "NotFound", "AlreadyExists",
    "PermissionDenied", "ResourceExhausted", "FailedPrecondition", "Aborted", "OutOfRange", "Unimplemented",
    "Internal", "Unavailable", "DataLoss", "Unauthenticated",
)  # fmt: skip


def code_of(error: BaseException) -> Status:
    """By the nearest base that is one of our kinds; INTERNAL for anything else."""
    return next((CODES[kind] for kind in type(error).__mro__ if kind in CODES), Status.INTERNAL)


def code_name(error: FinialError) -> str:
    """As grpc-go prints it: `NotFound`."""
    return status_code_name(code_of(error).value)


def status_code_name(code: int) -> str:
    """As grpc-go prints the number of a status: `NotFound`, or `Code(42)`."""
    return GO_NAMES[code] if 0 <= code < len(GO_NAMES) else f"Code({code})"


def to_grpc_error(error: BaseException) -> GRPCError:
    """What a server answers."""
    if isinstance(error, GRPCError):
        return error
    if not isinstance(error, FinialError):
        return GRPCError(Status.INTERNAL, "internal error")
    return GRPCError(code_of(error), error.message, _details(error))


def from_grpc_error(error: GRPCError) -> FinialError:
    """What a client raises: the kind of the code, and of a denial its reason."""
    kind = KINDS.get(error.status, errors.Internal)
    message = error.message or ""
    if kind is PermissionDenied:
        return PermissionDenied(message, reason=_reason(error.details))
    return kind(message)


def item_status(error: FinialError | None) -> status_pb2.Status:
    """The status of one item of a batch; None: done."""
    if error is None:
        return status_pb2.Status(message="OK")
    return status_pb2.Status(code=code_of(error).value, message=error.message)


def require_item(status: status_pb2.Status) -> None:
    """Raises: the kind of error that the status of an item stands for; nothing where it is done."""
    if status.code:
        raise KINDS.get(Status(status.code), errors.Internal)(status.message)


@contextmanager
def answers(what: str) -> Iterator[None]:
    """Around one step of an API method: a fault of ours is told as "what: why", of the same kind.

    `what` alone for NotFound: SPIRE 1.15's `MakeErr` leaves the cause out, and clients compare the text.
    """
    try:
        yield
    except NotFound as why:
        raise NotFound(what, hint=why.hint) from why
    except FinialError as why:
        raise why.within(what) from why


class DetailsCodec(StatusDetailsCodecBase):
    """`google.rpc.Status` with messages of the private pool in its details.

    Details of a type that is not known here stay packed; bytes that are no status give no details.
    """

    def encode(self, status: Status, message: str | None, details: Sequence[Message] | None) -> bytes:
        packed = rpc_status_pb2.Status(code=status.value, message=message or "")
        for detail in details or ():
            packed.details.add().Pack(detail)
        return packed.SerializeToString()

    def decode(self, status: Status, message: str | None, data: bytes) -> list[Message]:
        try:
            packed = rpc_status_pb2.Status.FromString(data)
            return [_unpacked(one) for one in packed.details]
        except DecodeError:
            return []


def _unpacked(packed: any_pb2.Any) -> Message:
    try:
        known = POOL.FindMessageTypeByName(packed.TypeName())
    except KeyError:
        return packed
    return GetMessageClass(known).FromString(packed.value)


def _details(error: FinialError) -> list[Message] | None:
    if not isinstance(error, PermissionDenied) or error.reason is None:
        return None
    return [status_pb2.PermissionDeniedDetails(reason=error.reason.name)]


def _reason(details: object) -> Denial | None:
    """The first that is a denial's. A reason that is not known here is UNKNOWN."""
    for detail in details if isinstance(details, list | tuple) else ():
        if isinstance(detail, status_pb2.PermissionDeniedDetails):
            known = {one.value: one for one in Denial}
            return known.get(int(detail.reason), Denial.UNKNOWN)
    return None
