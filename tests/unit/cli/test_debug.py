from __future__ import annotations

from finial.cli.debug import info_text
from finial.wire.pb.spire.api.server.debug.v1.debug_pb2 import GetInfoResponse
from finial.wire.pb.spire.api.types.spiffeid_pb2 import SPIFFEID


def test_facts_of_a_server() -> None:
    certificate = GetInfoResponse.Cert(
        id=SPIFFEID(trust_domain="example.org", path="/spire/server"),
        subject="O=SPIRE,C=US",
        expires_at=4102444800,
    )
    info = GetInfoResponse(
        uptime=3725, agents_count=1, entries_count=2, federated_bundles_count=3, svid_chain=[certificate]
    )
    assert list(info_text(info)) == [
        "Server Debug Info:",
        "  Uptime:                  1h2m5s",
        "  Registered Agents:       1",
        "  Registration Entries:    2",
        "  Federated Bundles:       3",
        "  SVID Chain:",
        "    [0] SPIFFE ID:  spiffe://example.org/spire/server",
        "        Subject:    O=SPIRE,C=US",
        "        Expires At: 2100-01-01T00:00:00Z",
    ]
