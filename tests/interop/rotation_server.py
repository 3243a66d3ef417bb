"""A uvicorn server with an identity of its own, for test_rotation_load: tells its port, ends with its input."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import uvicorn
import uvloop

from finial.client import X509Source, asgi, authorize
from finial.runtime.tasks import Tasks


async def app(scope: Any, receive: Any, send: Any) -> None:
    body = str(asgi.caller(scope)).encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def main() -> None:
    async with X509Source() as source, Tasks() as tasks:
        config = asgi.config(
            app,
            source,
            authorize.one_of("spiffe://example.org/web"),
            port=0,
            log_config=None,
            access_log=False,
            lifespan="off",
        )
        server = uvicorn.Server(config)
        tasks.start(server.serve())
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        print(server.servers[0].sockets[0].getsockname()[1], flush=True)
        await asyncio.to_thread(sys.stdin.read)
        server.should_exit = True
        await tasks.wait()


if __name__ == "__main__":
    uvloop.run(main())
