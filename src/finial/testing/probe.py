"""A gRPC service with one method for each shape of call. Messages are BytesValue: nothing is generated.

The Go program `transportpeer` (tests/interop/go) serves the same service and calls it.
"""

from __future__ import annotations

import asyncio
from typing import Any

from google.protobuf.wrappers_pb2 import BytesValue
from google.rpc.error_details_pb2 import ErrorInfo
from grpclib.client import ServiceMethod, StreamStreamMethod, UnaryStreamMethod, UnaryUnaryMethod

from finial.runtime.grpc import Cardinality, Channel, GRPCError, Handler, Status, Stream, draining

BytesStream = Stream[BytesValue, BytesValue]


class Probe:
    """`cancelled_after`: seconds after which each `Slow` was cancelled; events: set once one has begun."""

    def __init__(self) -> None:
        self.echoes = 0
        self.slow_began = asyncio.Event()
        self.hold_began = asyncio.Event()
        self.cancelled_after: list[float] = []

    async def echo(self, stream: BytesStream) -> None:
        self.echoes += 1
        await stream.send_message(await received(stream))

    async def watch(self, stream: BytesStream) -> None:
        """As many messages as asked for, one each 100 ms, wherever the connection is in its life."""
        count = (await received(stream)).value[0]
        for number in range(count):
            await stream.send_message(BytesValue(value=bytes([number])))
            await asyncio.sleep(0.1)

    async def hold(self, stream: BytesStream) -> None:
        """Ends with OK once its connection drains: the caller opens the next one."""
        await received(stream)
        self.hold_began.set()
        await draining(stream).wait()

    async def chat(self, stream: BytesStream) -> None:
        async for message in stream:
            await stream.send_message(message)

    async def deny(self, stream: BytesStream) -> None:
        raise denied()  # before recv_message

    async def deny_stream(self, stream: BytesStream) -> None:
        if (await received(stream)).value == b"after-message":
            await stream.send_message(BytesValue(value=b"one"))
        raise denied()

    async def slow(self, stream: BytesStream) -> None:
        loop = asyncio.get_running_loop()
        start = loop.time()
        self.slow_began.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled_after.append(loop.time() - start)

    def __mapping__(self) -> dict[str, Handler]:
        methods: dict[str, tuple[Any, Cardinality]] = {
            "Echo": (self.echo, Cardinality.UNARY_UNARY),
            "Watch": (self.watch, Cardinality.UNARY_STREAM),
            "Hold": (self.hold, Cardinality.UNARY_STREAM),
            "Chat": (self.chat, Cardinality.STREAM_STREAM),
            "Deny": (self.deny, Cardinality.UNARY_UNARY),
            "DenyStream": (self.deny_stream, Cardinality.STREAM_STREAM),
            "Slow": (self.slow, Cardinality.UNARY_UNARY),
        }
        return {
            f"/probe.Probe/{name}": Handler(function, kind, BytesValue, BytesValue)
            for name, (function, kind) in methods.items()
        }


async def received(stream: BytesStream) -> BytesValue:
    message = await stream.recv_message()
    assert message is not None
    return message


def denied() -> GRPCError:
    return GRPCError(Status.PERMISSION_DENIED, "agent is banned", [ErrorInfo(reason="AGENT_BANNED")])


class ProbeStub:
    """The client's side."""

    def __init__(self, channel: Channel) -> None:
        def method(kind: type[ServiceMethod[Any, Any]], name: str) -> Any:
            return kind(channel, f"/probe.Probe/{name}", BytesValue, BytesValue)

        self.echo: UnaryUnaryMethod[BytesValue, BytesValue] = method(UnaryUnaryMethod, "Echo")
        self.deny: UnaryUnaryMethod[BytesValue, BytesValue] = method(UnaryUnaryMethod, "Deny")
        self.slow: UnaryUnaryMethod[BytesValue, BytesValue] = method(UnaryUnaryMethod, "Slow")
        self.watch: UnaryStreamMethod[BytesValue, BytesValue] = method(UnaryStreamMethod, "Watch")
        self.hold: UnaryStreamMethod[BytesValue, BytesValue] = method(UnaryStreamMethod, "Hold")
        self.chat: StreamStreamMethod[BytesValue, BytesValue] = method(StreamStreamMethod, "Chat")
        self.early: StreamStreamMethod[BytesValue, BytesValue] = method(StreamStreamMethod, "Early")
