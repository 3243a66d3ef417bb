"""A workload on finial.client, with the commands of the Go program `spiffepeer`. One JSON line an event.

x509                    the X.509-SVIDs of this process, once
watch -count N          each update of the X.509 context, until N came; and how the first stream ended
jwt -audience A         a JWT-SVID, validated here and by the agent
serve -id ID            mTLS: answers each client with the ID it proved, until stdin ends
call -addr A -id ID     mTLS: connects, expects ID, prints what the server answers
hammer -addr A,B -id ID mTLS: new handshakes with each address, -rate a second, -for so many seconds
bare                    how the Workload API refuses a call without the security header
"""

from __future__ import annotations

import argparse
import asyncio
import json
import ssl
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import aclosing

from grpclib import GRPCError

from finial.client import JwtSource, WorkloadApi, X509Context, X509Source, authorize
from finial.client.tls import client_context, server_context
from finial.errors import FinialError
from finial.runtime.clock import SystemClock
from finial.runtime.grpc import Channel
from finial.runtime.tasks import Tasks
from finial.runtime.tls import peer_id
from finial.svid.verify import verify_x509
from finial.testing.pace import at_rate
from finial.wire.pb.spiffe.workload.workload_grpc import SpiffeWorkloadAPIStub
from finial.wire.pb.spiffe.workload.workload_pb2 import X509SVIDRequest


def tell(event: dict[str, object]) -> None:
    print(json.dumps(event), flush=True)


def describe(context: X509Context) -> dict[str, object]:
    """Raises: PermissionDenied and others if an SVID is not good under its bundle."""
    svids = []
    for identity in context.identities:
        svid = verify_x509(identity.svid.chain, context.bundles, SystemClock().now())
        svids.append(
            {
                "id": str(svid.id),
                "serial": str(svid.serial_number),
                "hint": identity.hint,
                "chain": len(svid.chain),
            }
        )
    return {"svids": svids, "bundles": [domain.name for domain in context.bundles.bundles]}


async def x509(_: argparse.Namespace) -> None:
    async with WorkloadApi() as api:
        tell(describe(await api.fetch_x509()))


async def watch(options: argparse.Namespace) -> None:
    async with Tasks() as tasks, WorkloadApi() as api, X509Source(api) as source:
        tasks.start(tell_end(api), name="one stream")
        left, enough = options.count - 1, asyncio.Event()

        def update(context: X509Context) -> None:
            nonlocal left
            tell(describe(context))
            left -= 1
            if left <= 0:
                enough.set()

        source.subscribe(update)
        tell(describe(source.context))
        if left:
            await enough.wait()


async def tell_end(api: WorkloadApi) -> None:
    try:
        async with aclosing(api.watch_x509()) as contexts:
            async for _ in contexts:
                pass
    except FinialError as why:
        tell({"error": type(why).__name__, "message": why.message})


async def jwt(options: argparse.Namespace) -> None:
    async with WorkloadApi() as api, JwtSource(api) as source:
        svid = await source.token(options.audience)
        here = source.verify(svid.token, options.audience)
        agent = await api.validate_jwt(svid.token, options.audience)
        tell({"id": str(here.id), "agent": str(agent.id), "token": svid.token})


async def serve(options: argparse.Namespace) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"{peer_id(writer.get_extra_info('ssl_object'))}\n".encode())
        writer.close()

    async with X509Source() as source:
        context = server_context(source, authorize.one_of(options.id))
        context.on_refusal(lambda why: tell({"refused": why}))
        async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context) as server:
            host, port = server.sockets[0].getsockname()
            tell({"address": f"{host}:{port}"})
            await asyncio.to_thread(sys.stdin.read)


async def call(options: argparse.Namespace) -> None:
    host, port = options.addr.rsplit(":", 1)
    async with X509Source() as source:
        context = client_context(source, authorize.one_of(options.id))
        reader, writer = await asyncio.open_connection(host, int(port), ssl=context)
        line = await reader.readline()
        writer.close()
        if not line:
            sys.exit("the server answered nothing")
        tell({"answer": line.decode().strip()})


async def hammer(options: argparse.Namespace) -> None:
    made: Counter[str] = Counter()
    async with X509Source() as source:
        context = client_context(source, authorize.one_of(options.id))
        calls = (keep_calling(context, one, options, made) for one in options.addr.split(","))
        await asyncio.gather(*calls)
    tell({"handshakes": made.total(), "failed": {why: count for why, count in made.items() if why}})


async def keep_calling(
    context: ssl.SSLContext, address: str, options: argparse.Namespace, made: Counter[str]
) -> None:
    """Counts each handshake under its error's text, "" if there was none."""
    host, port = address.rsplit(":", 1)

    async def handshake() -> None:
        try:
            reader, writer = await asyncio.open_connection(host, int(port), ssl=context)
            made["" if await reader.readline() else "the server answered nothing"] += 1
            writer.close()
        except OSError as why:
            made[str(why)] += 1

    await at_rate(options.rate, getattr(options, "for"), handshake)


async def bare(_: argparse.Namespace) -> None:
    async with WorkloadApi() as api, Channel(path=api.endpoint.path) as channel:
        try:
            async with SpiffeWorkloadAPIStub(channel).FetchX509SVID.open() as stream:
                await stream.send_message(X509SVIDRequest(), end=True)
                await stream.recv_message()
        except GRPCError as why:
            tell({"error": why.status.name.title().replace("_", ""), "message": why.message})


COMMANDS: dict[str, Callable[[argparse.Namespace], Awaitable[None]]] = {
    "x509": x509,
    "watch": watch,
    "jwt": jwt,
    "serve": serve,
    "call": call,
    "hammer": hammer,
    "bare": bare,
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("-addr")
    parser.add_argument("-id")
    parser.add_argument("-audience", default="test")
    parser.add_argument("-count", type=int, default=1)
    parser.add_argument("-timeout", type=float, default=50.0)
    parser.add_argument("-rate", type=float, default=10.0)
    parser.add_argument("-for", type=float, default=10.0)
    options = parser.parse_args()

    async def run() -> None:
        async with asyncio.timeout(options.timeout):
            await COMMANDS[options.command](options)

    try:
        asyncio.run(run())
    except (FinialError, OSError) as why:
        sys.exit(str(why))


if __name__ == "__main__":
    main()
