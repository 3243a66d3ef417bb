"""A client that shows its identity and checks the server's. Run it with SPIFFE_ENDPOINT_SOCKET set.

    python examples/mtls_client.py https://127.0.0.1:18500/ spiffe://example.org/me

The ID is the server's: one that cannot prove it gets no request.
"""

from __future__ import annotations

import asyncio
import sys

from finial.client import X509Source, authorize
from finial.client.httpx import client


async def main(url: str, server: str) -> None:
    async with X509Source() as source, client(source, authorize.one_of(server)) as http:
        answer = await http.get(url)
        print(answer.status_code, answer.text, end="")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
