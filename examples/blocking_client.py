"""A script without an event loop: mTLS by the standard library. Run it with SPIFFE_ENDPOINT_SOCKET set.

python examples/blocking_client.py https://127.0.0.1:18500/ spiffe://example.org/me
"""

from __future__ import annotations

import sys
import urllib.request

from finial.client import authorize, blocking


def main(url: str, server: str) -> None:
    with blocking.X509Source() as source:
        context = source.client_context(authorize.one_of(server))
        with urllib.request.urlopen(url, context=context) as answer:  # noqa: S310 - yours, not a stranger's
            print(answer.read().decode(), end="")


if __name__ == "__main__":
    main(*sys.argv[1:])
