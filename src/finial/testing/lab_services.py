"""The lab's services in a test's own process, on real sockets, with identities of a fake Workload API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import uvicorn

from finial.client import asgi, authorize
from finial.client.x509_source import X509Source
from finial.lab.routes import application
from finial.lab.topology import LAB
from finial.testing.ca import TestCa
from finial.testing.workload import Workload, workloads

CA = TestCa()
TURNS = 10  # of the loop, in which transports of refused handshakes close their sockets


@asynccontextmanager
async def serving(name: str, source: X509Source) -> AsyncIterator[int]:
    """One service of the lab on a free port."""
    app = application(LAB, LAB.service(name))
    config = asgi.config(
        app,
        source,
        authorize.member_of(LAB.trust_domain),
        host="127.0.0.1",
        port=0,
        log_config=None,
        lifespan="off",
    )
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    try:
        yield int(server.servers[0].sockets[0].getsockname()[1])
    finally:
        server.should_exit = True
        await server.shutdown()
        for _ in range(TURNS):
            await asyncio.sleep(0)


@asynccontextmanager
async def all_serving(folder: Path) -> AsyncIterator[tuple[dict[str, int], dict[str, Workload]]]:
    """Every service of the lab: ports and identities by name, the verifier's too."""
    names = (*LAB.names, "verifier")
    async with AsyncExitStack() as stack:
        found = await stack.enter_async_context(
            workloads(folder, *((CA, LAB.id_of(one).path) for one in names))
        )
        by_name = dict(zip(names, found, strict=True))
        ports = {
            name: await stack.enter_async_context(serving(name, by_name[name].source)) for name in LAB.names
        }
        yield ports, by_name
