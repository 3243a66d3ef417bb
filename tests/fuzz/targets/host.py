"""Files on the node and in the database, /proc, and what other local processes send."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from unittest.mock import patch

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.fuzz.mutate.json import by_json
from tests.fuzz.mutate.pem import by_pem
from tests.fuzz.target import from_file, target, text_of
from tests.fuzz.targets.credentials import JSON_WORDS, authority, leaf

from finial.agent import download, storage
from finial.client import bearer
from finial.errors import (
    FailedPrecondition,
    FinialError,
    Internal,
    InvalidArgument,
    Unauthenticated,
    Unavailable,
)
from finial.lab import state
from finial.lab.channel import Channel
from finial.plugin.kinds import KeyType
from finial.plugins.key import disk
from finial.plugins.key.generation import generate
from finial.plugins.upstream.private_key import load_pem
from finial.runtime import frames, handover, pages
from finial.runtime.process import Ids
from finial.runtime.process import linux as process
from finial.runtime.tls.hello import may_resume
from finial.server.listing import read_token
from finial.store import log_postgres, timestamp
from finial.store.position import Position

assert sys.platform == "linux", "tests of the Linux side"


def agent_data() -> Iterable[bytes]:
    yield storage.encode(storage.AgentData(leaf().chain, (authority().der,), True))
    yield storage.encode(storage.AgentData())


@target(
    "agent-data",
    reads=("agent/storage.py",),
    made=agent_data,
    words=(*JSON_WORDS, b'"svid"', b'"bundle"', b'"reattestable"'),
    mutate=by_json(("svid", "bundle", "reattestable", "bundle_sequence"), ([], ["AA=="])),
    errors=(Internal,),
)
def read_agent_data(data: bytes) -> None:
    found = from_file(data, storage.read)
    assert isinstance(found, storage.AgentData)
    assert storage.decode(storage.encode(found)) == found


def answers() -> Iterable[bytes]:
    yield b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
    yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nA: b\r\n\r\n"


@target(
    "bundle-answer",
    reads=("agent/download.py",),
    made=answers,
    words=(b"\r\n", b"HTTP/1.1 ", b"100 Continue", b"302", b"Content-Length: ", b"-1", b"chunked"),
    errors=(Unavailable,),
)
def read_answer(data: bytes) -> None:
    assert len(download.body_of("https://a.test/", data)) <= len(data)


def key_files() -> Iterable[bytes]:
    yield disk.encode({"a-b": generate(KeyType.EC_P256)})
    yield json.dumps({"keys": {}}).encode()


@target(
    "keys-json",
    reads=("plugins/key/disk.py",),
    made=key_files,
    words=(*JSON_WORDS, b'"keys"'),
    mutate=by_json(("keys", "a", "a-b", "../a"), ([], ["AA=="])),
    errors=(Internal,),
)
def read_keys(data: bytes) -> None:
    found = from_file(data, disk.load)
    assert isinstance(found, dict)
    disk.encode(found)


def private_keys() -> Iterable[bytes]:
    """In the three forms that Go reads."""
    key = leaf().private_key
    for form in (PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL):
        yield key.private_bytes(Encoding.PEM, form, NoEncryption())


@target(
    "private-key-pem",
    reads=("plugins/upstream/private_key.py",),
    made=private_keys,
    words=(b"-----BEGIN PRIVATE KEY-----", b"-----END PRIVATE KEY-----", b"\n", b"-----BEGIN A----- " * 200),
    errors=(InvalidArgument,),
    longest=1 << 16,
    mutate=by_pem,
)
def read_private_key(data: bytes) -> None:
    load_pem(data)


def lab_files() -> Iterable[bytes]:
    def written(path: Path) -> bytes:
        state.write(path, state.State({"server": 1}, 60, state.Started(1, 2), {"a": state.Started(3, 4)}))
        return path.read_bytes()

    with tempfile.TemporaryDirectory() as folder:
        yield written(Path(folder) / "state.json")


@target(
    "lab-state",
    reads=("lab/state.py",),
    made=lab_files,
    words=JSON_WORDS,
    mutate=by_json(("server", "agents")),
    errors=(FailedPrecondition,),
)
def read_lab_state(data: bytes) -> None:
    from_file(data, state.read)


@target("position", reads=("store/position.py",), words=(b"\0" * 8, b"\xff" * 8))
def read_position(data: bytes) -> None:
    found = Position.decode(data)
    assert Position.decode(found.encode()) == found
    assert found.covers(found)
    found.covers(Position(found.epoch, 7, frozenset({3})))


@target(
    "page-token", reads=("server/listing.py",), words=(b"1", b"9" * 30, b"-", b"+", b"_", b"0x"), longest=8192
)
def read_page_token(data: bytes) -> None:
    text = data.decode("utf-8", "replace")  # protobuf gives no lone surrogates
    found = read_token(text)
    assert not text or int(text) == found


@target(
    "timestamp",
    reads=("store/timestamp.py",),
    words=(b"2026-11-25 08:00:00", b"+00:00", b".5", b"Z", b"T", b"-"),
    errors=(Internal,),
)
def read_time(data: bytes) -> None:
    text = data.decode("utf-8", "replace")  # a database gives no lone surrogates
    assert abs(timestamp.unix(text) - timestamp.nearest_unix(text)) <= 1


@target("snapshot", reads=("store/log_postgres.py",), words=(b":", b",", b"1"), errors=(ValueError,))
def read_snapshot(data: bytes) -> None:
    """As PostgreSQL itself writes it; ValueError for anything else."""
    text = text_of(data)
    if all(len(one) < 12 for one in text.replace(":", ",").split(",")):
        log_postgres.position(b"e" * 16, text, None)


STAT = b"1 (%s) S 0 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4242 9 10 11 12 13 9999 15 16 17\n"


@target("proc-stat", reads=("runtime/process/linux.py",), words=(b")", b"(", b") S 0", b" "), longest=64)
def read_process_name(data: bytes) -> None:
    """A process names itself; start time and stack are the kernel's all the same."""
    with patch.object(process, "_read", lambda _: STAT % data):
        assert process.stat(1) == (4242, 9999)


STATUS = (
    b"Name:\t%s\nUmask:\t0022\nState:\tS\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nGroups:\t9 10 \nSeccomp:\t0\n"
)


@target(
    "proc-status",
    reads=("runtime/process/linux.py", "runtime/peer/linux.py"),
    words=(b"Uid:\t0\t0", b"\\n", b"\t", b"\r"),
    longest=64,
)
def read_process_status(data: bytes) -> None:
    """The kernel escapes line breaks in a name."""
    text = STATUS % data.replace(b"\n", b"\\n")
    with patch.object(process, "_read", lambda _: text):
        assert process.ids(1) == Ids(2, 6, (9, 10))


@target(
    "handover",
    reads=("runtime/frames.py", "runtime/handover.py"),
    words=(*JSON_WORDS, b'"service"', b'"pid"', b'"start_time"', b'"web"'),
    mutate=by_json(("service", "pid", "start_time"), ("web",)),
    longest=handover.MAX_RECORD,
)
def take_handover(data: bytes) -> None:
    """A record with a descriptor that is no pidfd: nothing is believed, and nothing stays open."""
    ours, theirs = handover.channel()
    with ours, theirs, open(os.devnull) as other:
        frames.send(theirs, data, [other.fileno()])
        handover.AgentEnd(ours).receive()
    raise AssertionError("a hand-over without a pidfd was believed")


@target(
    "lab-channel", reads=("lab/channel.py",), words=(*JSON_WORDS, b"\n"), longest=1 << 17, errors=(Internal,)
)
def read_records(data: bytes) -> None:
    async def read() -> None:
        reader = asyncio.StreamReader(limit=1 << 16)
        reader.feed_data(data)
        reader.feed_eof()
        with patch.object(Channel, "__init__", lambda self, given: setattr(self, "_reader", given)):
            channel = Channel(reader)  # type: ignore[call-arg]  # bytes in place of a socket
        async for record in channel:
            assert isinstance(record, dict)

    asyncio.run(read())


@target(
    "client-hello",
    reads=("runtime/tls/hello.py",),
    words=(b"\x16\x03\x01", b"\x00\x2b", b"\x03\x04"),
    errors=(),
)
def read_hello(data: bytes) -> None:
    may_resume(data)


@target(
    "health-request",
    reads=("runtime/pages.py",),
    words=(b"GET ", b"/live", b" HTTP/1.1\r\n"),
    errors=(),
)
def read_probe(data: bytes) -> None:
    found = pages.parse(data)
    assert found is None or found[1].startswith("/")


@target(
    "bearer",
    reads=("client/bearer.py",),
    words=(b"authorization\0", b"Bearer ", b"bearer ", b"\n"),
    errors=(Unauthenticated,),
)
def read_bearer(data: bytes) -> None:
    """Headers, one a line, name and value apart by a NUL."""
    pairs = (line.partition(b"\0") for line in data.split(b"\n"))
    token = bearer.token_of([(name, value) for name, _, value in pairs])
    assert token and token == token.strip()
    with suppress(FinialError, InvalidArgument):
        token.encode("latin-1")
