from __future__ import annotations

from pathlib import Path

from finial.runtime.grpc import unary
from finial.testing.server import Running, attest, play
from finial.wire.pb.spire.api.server.debug.v1 import debug_pb2 as api
from finial.wire.pb.spire.api.server.debug.v1.debug_grpc import DebugStub


def test_counts_and_the_servers_chain_are_told_and_kept_for_a_while(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        await attest(running)
        async with running.admin() as channel:
            stub = DebugStub(channel)
            info = await unary(stub.GetInfo, api.GetInfoRequest())
            await attest(running)
            assert await unary(stub.GetInfo, api.GetInfoRequest()) == info
        assert (info.agents_count, info.entries_count, info.federated_bundles_count) == (1, 0, 1)
        assert [cert.id.path for cert in info.svid_chain] == ["/spire/server", ""]
        assert info.svid_chain[0].subject == "O=SPIRE,C=US"
        assert info.svid_chain[1].subject.startswith("SERIALNUMBER=")

    play(tmp_path, scene)
