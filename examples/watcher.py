"""Prints each X509-SVID and bundle as PEM, and again at every update. Run it with SPIFFE_ENDPOINT_SOCKET set.

    python examples/watcher.py [COUNT]

Private keys are never printed. It ends after COUNT updates, or when it is interrupted.
"""

from __future__ import annotations

import asyncio
import ssl
import sys

from finial.client import X509Context, X509Source


def show(context: X509Context) -> None:
    for identity in context.identities:
        svid = identity.svid
        print(f"{svid.id}  serial {svid.serial_number:x}  until {svid.not_after:%Y-%m-%d %H:%M:%S} UTC")
        print("".join(map(ssl.DER_cert_to_PEM_cert, svid.chain)), end="")
    for domain, bundle in context.bundles.bundles.items():
        print(f"{domain}: {len(bundle.x509_roots)} root certificates")
        print("".join(map(ssl.DER_cert_to_PEM_cert, bundle.x509_roots)), end="", flush=True)


async def main(count: int) -> None:
    async with X509Source() as source:
        show(source.context)
        while (count := count - 1) != 0:
            show(await source.wait_changed())


if __name__ == "__main__":
    try:
        asyncio.run(main(int(sys.argv[1]) if sys.argv[1:] else 0))
    except KeyboardInterrupt:
        sys.exit(130)
