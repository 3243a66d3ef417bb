"""A server's audit log, over real sockets: one record for each item of what changes or signs something."""

from __future__ import annotations

import asyncio
import errno
import os
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import pytest
from google.protobuf.message import Message
from grpclib.client import StreamStreamMethod
from tests.playbooks.test_server_access import METHODS

from finial.errors import FinialError
from finial.runtime import fault
from finial.runtime.audit import HEAD, VERIFICATION_KEY, Record, files_in, records, verify
from finial.runtime.audit.layout import Head, decode_key
from finial.runtime.grpc import Channel, GRPCError, unary
from finial.server.api.access import RULES
from finial.server.api.audited import changes_something, what_of
from finial.svid import csr
from finial.testing.server import Running, attest, config_of, new_key, server, token
from finial.wire.convert.svid import x509_svid_from_wire
from finial.wire.pb.spire.api.server.agent.v1 import agent_pb2
from finial.wire.pb.spire.api.server.agent.v1.agent_grpc import AgentStub
from finial.wire.pb.spire.api.server.entry.v1 import entry_pb2
from finial.wire.pb.spire.api.server.entry.v1.entry_grpc import EntryStub
from finial.wire.pb.spire.api.server.localauthority.v1 import localauthority_pb2
from finial.wire.pb.spire.api.server.localauthority.v1.localauthority_grpc import LocalAuthorityStub
from finial.wire.pb.spire.api.server.svid.v1 import svid_pb2
from finial.wire.pb.spire.api.server.svid.v1.svid_grpc import SVIDStub
from finial.wire.pb.spire.api.types import entry_pb2 as types_pb2

ON = "audit {}"


def log_of(folder: Path) -> list[Record]:
    """Of a server that was stopped: whole, and as it was written."""
    head = Head.decode((folder / HEAD).read_bytes())
    verdict = verify(files_in(folder), head, decode_key((folder / VERIFICATION_KEY).read_bytes()))
    assert verdict.broken == ""
    assert verdict.unsealed == 0
    return list(records(files_in(folder)))


def about(record: Record) -> dict[str, object]:
    found = record.fields["about"]
    assert isinstance(found, dict)
    return found


def named(found: Iterable[Record], what: str) -> list[Record]:
    return [one for one in found if one.what == what]


def entry(path: str, parent: str = "/node") -> types_pb2.Entry:
    made = types_pb2.Entry()
    made.spiffe_id.trust_domain = made.parent_id.trust_domain = "example.org"
    made.spiffe_id.path, made.parent_id.path = path, parent
    made.selectors.add(type="unix", value="uid:1")
    return made


async def call(channel: Channel, path: str) -> None:
    """Once, with an empty request, however it ends."""
    handler = METHODS[path]
    method: StreamStreamMethod[Message, Message] = StreamStreamMethod(
        channel, path, handler.request_type, handler.reply_type
    )
    with suppress(GRPCError, FinialError):
        async with method.open(timeout=1) as stream:
            await stream.send_message(handler.request_type(), end=True)
            await stream.recv_message()


@pytest.mark.slow
def test_each_method_that_changes_something_is_recorded_once_and_none_that_reads(tmp_path: Path) -> None:
    """By the access table: a method that is added to it is in this test."""

    async def scene() -> None:
        config = config_of(tmp_path, ON)
        async with server(tmp_path, ON, read=lambda: config) as running:
            agent = await attest(running)
            async with running.admin() as local, running.remote(agent) as remote:
                for path in RULES:
                    await call(local if "Agent/Renew" not in path else remote, path)

    asyncio.run(scene())
    found = Counter(one.what for one in log_of(tmp_path / "data" / "audit"))
    expected = Counter(what_of(path) for path in RULES if changes_something(path))
    denied = {what_of(path) for path, rule in RULES.items() if not changes_something(path)}
    for setup in ("Agent/AttestAgent", "Agent/CreateJoinToken"):
        expected[setup] += 1
    calls = {what: count for what, count in found.items() if what in expected}
    assert calls == dict(expected)
    assert found.keys() & denied <= {
        "Changes/Watch",
        "Entry/GetAuthorizedEntries",
        "Entry/SyncAuthorizedEntries",
    }


def test_a_record_says_who_did_what_to_which_entry_and_as_which_revision(tmp_path: Path) -> None:
    async def scene() -> None:
        async with server(tmp_path, ON) as running, running.admin() as channel:
            stub = EntryStub(channel)
            wanted = [entry("/a"), entry("no slash"), entry("/b")]
            made = await unary(stub.BatchCreateEntry, entry_pb2.BatchCreateEntryRequest(entries=wanted))
            again = made.results[0].entry
            again.hint = "h"
            await unary(stub.BatchUpdateEntry, entry_pb2.BatchUpdateEntryRequest(entries=[again]))
            await unary(stub.BatchDeleteEntry, entry_pb2.BatchDeleteEntryRequest(ids=[again.id, "nope"]))

    asyncio.run(scene())
    found = log_of(tmp_path / "data" / "audit")
    first, bad, second = named(found, "Entry/BatchCreateEntry")
    assert first.fields["who"] == f"uid {os.getuid()}"
    assert (first.fields["as"], first.fields["result"]) == ("local", "ok")
    assert about(first)["spiffe_id"] == "spiffe://example.org/a"
    assert about(first)["revision"] == 0
    assert first.fields["position"] == second.fields["position"]
    assert bad.fields["result"] == "InvalidArgument"
    assert "path must have a leading slash" in str(bad.fields["why"])
    (updated,) = named(found, "Entry/BatchUpdateEntry")
    assert (about(updated)["entry_id"], about(updated)["revision"]) == (about(first)["entry_id"], 1)
    gone, missing = named(found, "Entry/BatchDeleteEntry")
    assert about(gone)["spiffe_id"] == "spiffe://example.org/a"
    assert missing.fields["result"] == "NotFound"


def test_each_svid_is_named_by_its_serial_number_and_no_token_or_key_is_there(tmp_path: Path) -> None:
    async def scene() -> list[str]:
        async with server(tmp_path, ON) as running:
            value = await token(running)
            agent = await attest(running, value)
            async with running.admin() as channel:
                made = await unary(
                    EntryStub(channel).BatchCreateEntry,
                    entry_pb2.BatchCreateEntryRequest(entries=[entry("/w", agent.id.path)]),
                )
                request = svid_pb2.MintJWTSVIDRequest(audience=["a"])
                request.id.trust_domain, request.id.path = "example.org", "/j"
                jwt = await unary(SVIDStub(channel).MintJWTSVID, request)
            async with running.remote(agent) as channel:
                param = svid_pb2.NewX509SVIDParams(
                    entry_id=made.results[0].entry.id, csr=csr.create(new_key())
                )
                other = svid_pb2.NewX509SVIDParams(entry_id="nope", csr=b"x")
                signed = await unary(
                    SVIDStub(channel).BatchNewX509SVID,
                    svid_pb2.BatchNewX509SVIDRequest(params=[param, other]),
                )
            svid = x509_svid_from_wire(signed.results[0].svid)
            return [str(agent.svid.serial_number), str(svid.serial_number), jwt.svid.token]

    agent_serial, serial, jwt = asyncio.run(scene())
    found = log_of(tmp_path / "data" / "audit")
    (attested,) = named(found, "Agent/AttestAgent")
    assert about(attested)["serial_number"] == agent_serial
    issued, refused = named(found, "SVID/BatchNewX509SVID")
    assert about(issued)["serial_number"] == serial
    assert about(issued)["spiffe_id"] == "spiffe://example.org/w"
    assert str(issued.fields["who"]).startswith("spiffe://example.org/spire/agent/join_token/")
    assert refused.fields["result"] == "NotFound"
    (minted,) = named(found, "SVID/MintJWTSVID")
    assert about(minted)["key_id"]
    assert len(named(found, "server/svid")) == 1
    text = b"".join(one.read_bytes() for one in files_in(tmp_path / "data" / "audit")).decode()
    assert jwt.rpartition(".")[2] not in text
    assert "PRIVATE KEY" not in text


def test_denials_bans_authorities_and_a_reload_are_there(tmp_path: Path) -> None:
    async def scene() -> None:
        read = iter([config_of(tmp_path, ON + '\ndefault_x509_svid_ttl = "7m"')])
        async with server(tmp_path, ON, read=lambda: next(read)) as running:
            agent = await attest(running)
            async with running.remote() as channel:
                with pytest.raises(GRPCError):
                    await unary(EntryStub(channel).ListEntries, entry_pb2.ListEntriesRequest())
            async with running.admin() as channel:
                await by_hand(channel)
                ban = agent_pb2.BanAgentRequest()
                ban.id.trust_domain, ban.id.path = "example.org", agent.id.path
                await unary(AgentStub(channel).BanAgent, ban)
                await call(channel, "/finial.configuration.v1.Configuration/Reload")

    asyncio.run(scene())
    found = log_of(tmp_path / "data" / "audit")
    (denied,) = named(found, "Entry/ListEntries")
    assert denied.fields["result"] == "PermissionDenied"
    assert str(denied.fields["from"]).startswith("127.0.0.1:")
    (banned,) = named(found, "Agent/BanAgent")
    assert str(about(banned)["spiffe_id"]).startswith("spiffe://example.org/spire/agent/")
    assert [about(one)["kind"] for one in named(found, "authority/activated")] == ["X509", "JWT", "X509"]
    assert len(named(found, "authority/tainted")) == len(named(found, "authority/revoked")) == 1
    (prepared,) = named(found, "LocalAuthority/PrepareX509Authority")
    assert about(prepared)["local_authority_id"] in {
        about(one)["authority_id"] for one in named(found, "authority/prepared")
    }
    (reloaded,) = named(found, "configuration/reloaded")
    assert about(reloaded)["options"] == ["server.default_x509_svid_ttl"]
    assert [one.what for one in found[-2:]] == ["audit/closed", "audit/sealed"]


async def by_hand(channel: Channel) -> None:
    """Prepare, activate, taint, revoke."""
    stub, api = LocalAuthorityStub(channel), localauthority_pb2
    state = await unary(stub.GetX509AuthorityState, api.GetX509AuthorityStateRequest())
    old = state.active.authority_id
    new = await unary(stub.PrepareX509Authority, api.PrepareX509AuthorityRequest())
    new_id = new.prepared_authority.authority_id
    await unary(stub.ActivateX509Authority, api.ActivateX509AuthorityRequest(authority_id=new_id))
    await unary(stub.TaintX509Authority, api.TaintX509AuthorityRequest(authority_id=old))
    await unary(stub.RevokeX509Authority, api.RevokeX509AuthorityRequest(authority_id=old))


def test_calls_that_only_read_are_recorded_where_that_is_wanted(tmp_path: Path) -> None:
    async def scene() -> None:
        async with server(tmp_path, "audit { reads = true }") as running, running.admin() as channel:
            await unary(EntryStub(channel).CountEntries, entry_pb2.CountEntriesRequest())

    asyncio.run(scene())
    assert len(named(log_of(tmp_path / "data" / "audit"), "Entry/CountEntries")) == 1


def test_the_log_is_kept_where_and_as_it_is_configured(tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"

    async def scene() -> list[str]:
        options = f'audit {{ folder = "{folder}" file_size_limit = 200 }}'
        async with server(tmp_path, options) as running:
            assert running.server.audit is not None
            await running.server.audit.write()
            await token(running)
            return running.lines

    lines = asyncio.run(scene())
    assert len(files_in(folder)) > 1
    assert len(named(log_of(folder), "Agent/CreateJoinToken")) == 1
    assert any("take its verification key to another machine" in one for one in lines)


@pytest.mark.parametrize("policy", ["continue", "refuse"])
def test_on_a_full_disk_calls_go_on_or_are_refused_as_configured(tmp_path: Path, policy: str) -> None:
    full = False

    def disk(name: str) -> None:
        if full and name == "audit.append":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    async def scene() -> None:
        nonlocal full
        async with server(tmp_path, f'audit {{ on_failure = "{policy}" }}') as running:
            full = True
            await token(running)
            assert running.server.audit is not None
            await running.server.audit.write()
            await judge(running)
            full = False

    async def judge(running: Running) -> None:
        if policy == "continue":
            await token(running)
            return
        with pytest.raises(GRPCError, match="audit log cannot be written: no space left on device"):
            await token(running)
        async with running.admin() as channel:
            await unary(EntryStub(channel).CountEntries, entry_pb2.CountEntriesRequest())

    with fault.hooked(disk):
        asyncio.run(scene())
    results = [
        one.fields["result"] for one in named(log_of(tmp_path / "data" / "audit"), "Agent/CreateJoinToken")
    ]
    assert results == (["ok", "ok"] if policy == "continue" else ["ok", "Unavailable"])
