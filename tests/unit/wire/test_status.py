"""Error kinds, gRPC statuses, details of a denial, items of a batch."""

from __future__ import annotations

import pytest
from google.rpc import status_pb2 as standard_status
from grpclib.const import Status
from grpclib.exceptions import GRPCError

from finial import errors
from finial.errors import (
    AlreadyExists,
    Denial,
    FinialError,
    Internal,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    Unavailable,
)
from finial.wire.pb.spire.api.types import status_pb2
from finial.wire.status import (
    CODES,
    KINDS,
    DetailsCodec,
    answers,
    code_name,
    from_grpc_error,
    item_status,
    status_code_name,
    to_grpc_error,
)

KIND_NUMBERS = {
    errors.InvalidArgument: 3,
    errors.DeadlineExceeded: 4,
    errors.NotFound: 5,
    errors.AlreadyExists: 6,
    errors.PermissionDenied: 7,
    errors.ResourceExhausted: 8,
    errors.FailedPrecondition: 9,
    errors.Unsupported: 12,
    errors.Internal: 13,
    errors.Unavailable: 14,
    errors.Unauthenticated: 16,
}


def test_every_kind_has_its_number() -> None:
    kinds = {
        kind for kind in vars(errors).values() if isinstance(kind, type) and kind.__base__ is FinialError
    }
    assert kinds == set(CODES)
    assert {kind: code.value for kind, code in CODES.items()} == KIND_NUMBERS


@pytest.mark.parametrize("kind", list(CODES))
def test_kind_and_message_survive_the_wire(kind: type[FinialError]) -> None:
    found = from_grpc_error(to_grpc_error(kind('agent "x" is odd: why')))
    assert type(found) is kind
    assert str(found) == 'agent "x" is odd: why'


def test_every_failing_status_has_a_kind() -> None:
    without = set(Status) - {Status.OK} - set(KINDS)
    assert without == {Status.UNKNOWN, Status.DATA_LOSS}
    for status in without:
        assert isinstance(from_grpc_error(GRPCError(status, "odd")), Internal)


def test_subclass_of_a_kind_counts_as_the_kind() -> None:
    class Refused(Unavailable):
        pass

    assert to_grpc_error(Refused("away")).status is Status.UNAVAILABLE


def test_what_is_not_ours_tells_nothing() -> None:
    found = to_grpc_error(KeyError("secret"))
    assert (found.status, found.message) == (Status.INTERNAL, "internal error")


def test_grpc_error_is_answered_as_it_is() -> None:
    error = GRPCError(Status.ABORTED, "again")
    assert to_grpc_error(error) is error


@pytest.mark.parametrize("reason", list(Denial))
def test_reason_of_a_denial_survives_the_wire(reason: Denial) -> None:
    sent = to_grpc_error(PermissionDenied("agent is banned", reason=reason))
    codec = DetailsCodec()
    data = codec.encode(sent.status, sent.message, sent.details)
    details = codec.decode(Status.PERMISSION_DENIED, sent.message, data)
    found = from_grpc_error(GRPCError(Status.PERMISSION_DENIED, sent.message, details))
    assert isinstance(found, PermissionDenied)
    assert found.reason is reason


def test_denial_without_a_reason_has_no_details() -> None:
    sent = to_grpc_error(PermissionDenied("no"))
    assert sent.details is None
    found = from_grpc_error(sent)
    assert isinstance(found, PermissionDenied)
    assert found.reason is None


def test_details_are_what_a_standard_client_reads() -> None:
    details = to_grpc_error(PermissionDenied("no", reason=Denial.AGENT_BANNED)).details
    packed = standard_status.Status.FromString(DetailsCodec().encode(Status.PERMISSION_DENIED, "no", details))
    assert (packed.code, packed.message) == (7, "no")
    assert packed.details[0].type_url == "type.googleapis.com/spire.api.types.PermissionDeniedDetails"
    assert packed.details[0].value == b"\x08\x04"


def test_details_that_are_not_known_stay_packed() -> None:
    packed = standard_status.Status(code=7)
    packed.details.add(type_url="type.googleapis.com/other.Thing", value=b"\x08\x01")
    (found,) = DetailsCodec().decode(Status.PERMISSION_DENIED, None, packed.SerializeToString())
    assert found.DESCRIPTOR.full_name == "google.protobuf.Any"
    denied = from_grpc_error(GRPCError(Status.PERMISSION_DENIED, "no", [found]))
    assert isinstance(denied, PermissionDenied)
    assert denied.reason is None


def test_reason_of_a_later_version_is_unknown() -> None:
    details = [status_pb2.PermissionDeniedDetails.FromString(b"\x08\x63")]
    found = from_grpc_error(GRPCError(Status.PERMISSION_DENIED, "no", details))
    assert isinstance(found, PermissionDenied)
    assert found.reason is Denial.UNKNOWN


@pytest.mark.parametrize("data", [b"\xff", b"\x1a\x05\x0a"])
def test_details_that_cannot_be_read_are_none(data: bytes) -> None:
    assert DetailsCodec().decode(Status.PERMISSION_DENIED, None, data) == []


def test_items_of_a_batch() -> None:
    assert item_status(None) == status_pb2.Status(code=0, message="OK")
    assert item_status(AlreadyExists("similar entry already exists")) == status_pb2.Status(
        code=6, message="similar entry already exists"
    )


def test_answer_names_what_failed() -> None:
    with (
        pytest.raises(InvalidArgument, match=r"^invalid agent ID: path is empty$"),
        answers("invalid agent ID"),
    ):
        raise InvalidArgument("path is empty")


def test_answer_keeps_the_reason_of_a_denial() -> None:
    with pytest.raises(PermissionDenied) as found, answers("failed to attest"):
        raise PermissionDenied("agent is banned", reason=Denial.AGENT_BANNED)
    assert found.value.reason is Denial.AGENT_BANNED
    assert str(found.value) == "failed to attest: agent is banned"


def test_answer_of_not_found_leaves_the_cause_out() -> None:
    with pytest.raises(NotFound, match=r"^failed to update entry$"), answers("failed to update entry"):
        raise NotFound("record not found")


def test_answer_lets_others_pass() -> None:
    with pytest.raises(KeyError), answers("failed to ban agent"):
        raise KeyError("a bug")


def test_codes_are_named_as_go_names_them() -> None:
    assert code_name(NotFound("x")) == "NotFound"
    assert [status_code_name(code) for code in (0, 1, 12, 16, 17, -1)] == [
        "OK",
        "Canceled",
        "Unimplemented",
        "Unauthenticated",
        "Code(17)",
        "Code(-1)",
    ]
