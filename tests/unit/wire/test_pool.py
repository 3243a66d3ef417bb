"""The private pool: ours and other people's generated code for one protocol live in one process."""

from __future__ import annotations

import subprocess
import sys

import pytest
from google.protobuf import descriptor_pool, json_format

from finial.wire.pb.google.protobuf import any_pb2, struct_pb2
from finial.wire.pb.google.rpc import status_pb2 as rpc_status_pb2
from finial.wire.pb.spiffe.workload import workload_pb2
from finial.wire.pb.spire.api.types import status_pb2
from finial.wire.pool import POOL

OURS = "from finial.wire.pb.spiffe.workload import workload_pb2 as ours"
THEIRS = "from spiffe._proto import workload_pb2 as theirs"
CROSS = """
mine = ours.X509SVIDResponse(
    svids=[ours.X509SVID(spiffe_id="spiffe://example.org/web", x509_svid=b"leaf", hint="internal")],
    federated_bundles={"spiffe://other.example": b"root"},
)
seen = theirs.X509SVIDResponse.FromString(mine.SerializeToString())
assert ours.X509SVIDResponse.FromString(seen.SerializeToString()) == mine
assert type(seen) is not type(mine)
"""


@pytest.mark.parametrize("order", [(OURS, THEIRS), (THEIRS, OURS)], ids=["ours first", "theirs first"])
@pytest.mark.slow
def test_py_spiffe_and_ours_share_a_process(order: tuple[str, str]) -> None:
    code = "\n".join([*order, CROSS])
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr


def test_nothing_of_ours_is_in_the_default_pool() -> None:
    with pytest.raises(KeyError):
        descriptor_pool.Default().FindMessageTypeByName("spire.api.types.PermissionDeniedDetails")
    found = POOL.FindMessageTypeByName("spire.api.types.PermissionDeniedDetails")
    assert found is status_pb2.PermissionDeniedDetails.DESCRIPTOR


def test_any_packs_and_unpacks() -> None:
    details = status_pb2.PermissionDeniedDetails(reason=status_pb2.PermissionDeniedDetails.AGENT_BANNED)
    status = rpc_status_pb2.Status(code=7, message="denied")
    status.details.add().Pack(details)
    read = rpc_status_pb2.Status.FromString(status.SerializeToString())
    found = status_pb2.PermissionDeniedDetails()
    assert read.details[0].TypeName() == "spire.api.types.PermissionDeniedDetails"
    assert read.details[0].Unpack(found)
    assert found == details


def test_any_is_json_with_our_pool() -> None:
    packed = any_pb2.Any()
    packed.Pack(status_pb2.PermissionDeniedDetails(reason=status_pb2.PermissionDeniedDetails.AGENT_BANNED))
    text = json_format.MessageToJson(packed, descriptor_pool=POOL)
    assert '"reason": "AGENT_BANNED"' in text
    assert json_format.Parse(text, any_pb2.Any(), descriptor_pool=POOL) == packed


def test_struct_takes_claims() -> None:
    answer = workload_pb2.ValidateJWTSVIDResponse(spiffe_id="spiffe://example.org/web")
    answer.claims.update({"aud": ["web"], "exp": 1.0, "nested": {"deep": None}})
    read = workload_pb2.ValidateJWTSVIDResponse.FromString(answer.SerializeToString())
    assert json_format.MessageToDict(read.claims) == {"aud": ["web"], "exp": 1.0, "nested": {"deep": None}}


def test_struct_can_be_made_on_its_own() -> None:
    claims = struct_pb2.Struct()
    claims["sub"] = "spiffe://example.org/web"
    answer = workload_pb2.ValidateJWTSVIDResponse(claims=claims)
    assert answer.claims["sub"] == "spiffe://example.org/web"
