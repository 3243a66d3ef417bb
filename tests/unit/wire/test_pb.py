"""The generated messages: numbers that peers depend on, and committed code that is up to date."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from finial.wire.pb.finial.change.v1 import change_pb2
from finial.wire.pb.grpc.health.v1 import health_pb2
from finial.wire.pb.private.server.journal import journal_pb2
from finial.wire.pb.spiffe.workload import workload_pb2
from finial.wire.pb.spire.api.server.agent.v1 import agent_pb2
from finial.wire.pb.spire.api.server.bundle.v1 import bundle_pb2 as bundle_api
from finial.wire.pb.spire.api.server.entry.v1 import entry_pb2 as entry_api
from finial.wire.pb.spire.api.server.svid.v1 import svid_pb2
from finial.wire.pb.spire.api.types import bundle_pb2, entry_pb2, status_pb2
from finial.wire.pb.spire.common import common_pb2
from finial.wire.pool import POOL

ROOT = Path(__file__).parents[3]


@pytest.mark.slow
def test_committed_code_is_what_the_protos_say() -> None:
    found = subprocess.run(
        [sys.executable, "proto/generate.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (entry_pb2.Entry.X509_SVID_TTL_FIELD_NUMBER, 5),
        (entry_pb2.Entry.JWT_SVID_TTL_FIELD_NUMBER, 13),
        (entry_pb2.Entry.CREATED_AT_FIELD_NUMBER, 15),
        (entry_pb2.Entry.ADDITIONAL_ATTRIBUTES_FIELD_NUMBER, 16),
        (entry_pb2.EntryMask.SPIFFE_ID_FIELD_NUMBER, 2),
        (bundle_pb2.Bundle.WIT_AUTHORITIES_FIELD_NUMBER, 6),
        (bundle_pb2.BundleMask.X509_AUTHORITIES_FIELD_NUMBER, 2),
        (common_pb2.Bundle.REFRESH_HINT_FIELD_NUMBER, 4),
        (common_pb2.RegistrationEntry.ENTRYEXPIRY_FIELD_NUMBER, 9),
        (common_pb2.RegistrationEntry.JWT_SVID_TTL_FIELD_NUMBER, 13),
        (journal_pb2.X509CAEntry.AUTHORITY_ID_FIELD_NUMBER, 6),
        (journal_pb2.JWTKeyEntry.NOT_AFTER_FIELD_NUMBER, 3),
        (workload_pb2.X509SVIDResponse.FEDERATED_BUNDLES_FIELD_NUMBER, 3),
        (workload_pb2.X509SVID.HINT_FIELD_NUMBER, 5),
        (agent_pb2.CreateJoinTokenRequest.AGENT_ID_FIELD_NUMBER, 3),
        (svid_pb2.NewX509SVIDParams.CSR_FIELD_NUMBER, 2),
        (entry_api.SyncAuthorizedEntriesResponse.MORE_FIELD_NUMBER, 3),
        (status_pb2.PermissionDeniedDetails.AGENT_MUST_REATTEST, 5),
        (bundle_api.BatchDeleteFederatedBundleRequest.DISSOCIATE, 2),
        (journal_pb2.PREPARED, 2),
        (health_pb2.HealthCheckResponse.NOT_SERVING, 2),
        (change_pb2.WatchResponse.MORE_FIELD_NUMBER, 7),
        (change_pb2.AgentState.GONE, 5),
    ],
)
def test_number_is_that_of_the_protocol(number: int, expected: int) -> None:
    assert number == expected


@pytest.mark.parametrize(
    ("service", "methods"),
    [
        ("SpiffeWorkloadAPI", 7),
        ("spire.api.server.agent.v1.Agent", 9),
        ("spire.api.server.entry.v1.Entry", 8),
        ("spire.api.server.bundle.v1.Bundle", 11),
        ("spire.api.server.svid.v1.SVID", 7),
        ("finial.change.v1.Changes", 2),
        ("finial.configuration.v1.Configuration", 1),
        ("grpc.health.v1.Health", 3),
    ],
)
def test_service_has_all_its_methods(service: str, methods: int) -> None:
    assert len(POOL.FindServiceByName(service).methods) == methods


def test_messages_alone_do_not_import_grpclib() -> None:
    code = (
        "import sys; from finial.wire.pb.spiffe.workload import workload_pb2;"
        "sys.exit(any(name in sys.modules for name in ('grpclib', 'h2', 'asyncio')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
