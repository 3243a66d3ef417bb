"""What stands before HTTP/2 and inside of it, requests to an agent that proves its host's name, and texts that end in a
log or a hint."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from ipaddress import ip_address

from grpclib.exceptions import GRPCError
from hpack import Decoder, Encoder
from hpack.exceptions import HPACKError
from tests.fuzz.target import target, text_of
from tests.fuzz.targets.http2 import LIMITS, MESSAGE

from finial.cli import hints
from finial.cli.rpc_errors import as_rpc_error
from finial.errors import Unavailable
from finial.plugins.node.http_challenge import agent, exchange
from finial.runtime.http2.decompress import check_prefix, gunzip
from finial.runtime.http2.hpack_memo import MemoDecoder, MemoEncoder
from finial.runtime.log import Format, Logger, Output
from finial.runtime.sockets.proxy_header import MAX_HEADER, MAX_PORT, V2_START, plain, read_proxy_header
from finial.testing.rogue import request

NONCE = "n" * 43
AT = datetime(2026, 11, 25, tzinfo=UTC)


@target(
    "http-challenge-request",
    reads=("plugins/node/http_challenge/agent.py",),
    words=(b"GET ", b"HEAD ", exchange.path_of("a").encode(), b" HTTP/1.1", b"\r\n", b"?", b"//", b"%2f"),
    errors=(),
)
def answer(data: bytes) -> None:
    """The nonce is told to a GET of its path, and to nobody else."""
    attestor = agent.HttpChallengeAttestor(agent.Config(hostname="a.test", agentname="a"))
    attestor._nonce = NONCE
    told = attestor._answer(data + b"\r\n\r\n")
    asked = data.startswith(b"GET " + exchange.path_of("a").encode())
    assert (NONCE.encode() in told) <= asked
    assert told.count(b"\r\n\r\n") == 1


@target(
    "log-line",
    reads=("runtime/log_line.py",),
    words=(b"\n", b"\r", b'"', b"\\", b"\x1b[31m", b" level=error", b"\xc2\x85", b"\xed\xa0\x80"),
)
def log(data: bytes) -> None:
    """One record is one line, whatever is in it, and it is not lost."""
    text = text_of(data)
    for form in Format:
        raw = io.BytesIO()
        output = Output(io.TextIOWrapper(raw, "utf-8", newline="\n"), now=lambda: AT, format=form)
        Logger(output).info(text, value=text, values=[text], error=ValueError(text))
        line = raw.getvalue()
        assert output.dropped == 0 and line.count(b"\n") == 1 and line.endswith(b"\n") and b"\r" not in line
        if form is Format.JSON:
            assert units(json.loads(line)["value"]) == units(text)


def units(text: str) -> bytes:
    """Two halves that met in JSON are one character."""
    return text.encode("utf-16", "surrogatepass")


def answers() -> Iterable[bytes]:
    yield b"unknown service spire.api.server.entry.v1.Entry"
    yield b'"spiffe://a/b" is not a member of trust domain "example.org"'
    yield b'"spiffe://a/b" is not an agent in trust domain "example.org"'


@target(
    "server-message",
    reads=("cli/hints.py", "cli/rpc_errors.py"),
    made=answers,
    words=(
        b"unknown service ",
        b'"',
        b" is not a member of trust domain ",
        b'connect to "',
        b"://",
        b":",
        b"9" * 20,
    ),
    cpu=0.1,
    longest=1 << 14,
)
def explain(data: bytes) -> None:
    """What a server says, shown to a person."""
    message = text_of(data)
    as_rpc_error(Unavailable(message), peer="agent")
    hints.nobody_listens("server", message.replace("\0", ""))


@target("proxy-header", reads=("runtime/sockets/proxy_header.py",), cpu=0.1, memory=1 << 20, longest=600,
        words=(b"PROXY TCP4 ", b"PROXY TCP6 ", b"UNKNOWN", b"\r\n", b" 65535", b"::ffff:", V2_START, b"\x21\x11\0\x0c"))  # fmt: skip
def read_proxy(data: bytes) -> None:
    """Whole, and byte by byte: what is decided stays decided, and the header is the same however it comes."""
    whole = read_proxy_header(data)
    for at in range(len(data)):
        part = read_proxy_header(data[:at])
        assert part is None or part == whole
    assert whole is None or whole.size <= min(len(data), MAX_HEADER)
    if whole is not None and whole.source is not None:
        assert 0 <= whole.source.port <= MAX_PORT
        assert str(plain(ip_address(whole.source.host))) == whole.source.host


@target(
    "grpc-prefix",
    reads=("runtime/http2/decompress.py",),
    errors=(GRPCError,),
    made=lambda: (b"\1\0\0\0\x09" + gzip.compress(one) for one in (MESSAGE, b"", bytes(1 << 16))),
    words=(b"\0\0\0\0", b"\1\0\0\0", b"\x1f\x8b\x08"),
)
def read_prefix(data: bytes) -> None:
    """Five bytes, then a body as gzip."""
    if len(data) >= 5:
        check_prefix(data[:5], LIMITS.message, "gzip", server_side=True)
        assert len(gunzip(data[5:], LIMITS.message)) <= LIMITS.message


def blocks() -> Iterable[bytes]:
    encoder = Encoder()
    for extra in ({}, {"authorization": "x"}, {"user_agent": "grpc-go/1.80"}):
        block = encoder.encode(request("/probe.Probe/Echo", **extra))
        yield (bytes([len(block)]) + block) * 3


@target(
    "hpack",
    reads=("runtime/http2/hpack_memo.py",),
    made=blocks,
    words=(b"\x3f\xe1\x1f", b"\x20", b"\x82", b"\x40", b"\xbe"),
)
def decode_headers(data: bytes) -> None:
    """Blocks with a length before each: with memory and without, the same comes out, in each round."""
    for _ in range(2):
        compare(data, MemoDecoder(LIMITS.header_list), Decoder(LIMITS.header_list))


def compare(data: bytes, ours: MemoDecoder, plain: Decoder) -> None:
    encoder, back = MemoEncoder(), Decoder(1 << 20)
    while data:
        size = data[0]
        block, data = data[1 : 1 + size], data[1 + size :]
        expected = outcome(plain, block)
        assert outcome(ours, block) == expected
        if not isinstance(expected, list):
            return  # a connection ends with its first fault
        again = back.decode(encoder.encode(expected), raw=True)
        assert sorted((bytes(name), bytes(value)) for name, value in again) == sorted(expected)


def outcome(decoder: Decoder, block: bytes) -> list[tuple[bytes, bytes]] | type[Exception]:
    try:
        return [(bytes(name), bytes(value)) for name, value in decoder.decode(block, raw=True)]
    except HPACKError as error:
        return type(error)
