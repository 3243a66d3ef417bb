"""A workload whose TLS is the program `openssl`: identities from finial.client, written as files at each change.

hammer -addr A,B -id ID   mTLS: new handshakes with each address, -rate a second, -for so many seconds

OpenSSL checks the chain; whether the leaf names ID is read from the certificate it shows. One JSON line at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import ssl
import tempfile
from collections import Counter
from pathlib import Path

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from finial.client import X509Context, X509Source
from finial.spiffe.bundle_document import encode_pem
from finial.svid import x509
from finial.testing.pace import at_rate

PIPE = asyncio.subprocess.PIPE
COMMAND = "openssl s_client -ign_eof -verify_return_error -showcerts -cert leaf -cert_chain rest -key key -CAfile roots"


class Files:
    """One folder for each context, so that a handshake under way keeps what it began with."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._number = folder, itertools.count()
        self.newest = folder

    def write(self, context: X509Context) -> None:
        identity = context.default
        folder = self._folder / str(next(self._number))
        folder.mkdir()
        key = load_der_private_key(identity.key, None)
        (folder / "key").touch(mode=0o600)
        (folder / "key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        leaf, *rest = identity.svid.chain
        (folder / "leaf").write_bytes(encode_pem([leaf]))
        (folder / "rest").write_bytes(encode_pem(rest or [leaf]))
        roots = context.bundles.bundles[identity.id.trust_domain].x509_roots
        (folder / "roots").write_bytes(encode_pem(roots))
        self.newest = folder


async def handshake(files: Path, address: str, expected: str) -> str:
    """Returns: "" or what went wrong."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND.split(), "-connect", address, cwd=files, stdin=PIPE, stdout=PIPE, stderr=PIPE
    )
    out, errors = await process.communicate()
    if process.returncode:
        return f"openssl ended with {process.returncode}: {errors.decode(errors='replace')[-300:]}"
    shown = out[out.find(b"-----BEGIN") : out.find(b"-----END CERTIFICATE-----") + 26]
    if str(x509.parse([ssl.PEM_cert_to_DER_cert(shown.decode())]).id) != expected:
        return "another leaf than expected"
    return "" if b"spiffe://" in out else f"no answer: {out[-300:]!r}"


async def keep_calling(files: Files, address: str, options: argparse.Namespace, made: Counter[str]) -> None:
    async def counted() -> None:
        made[await handshake(files.newest, address, options.id)] += 1

    await at_rate(options.rate, getattr(options, "for"), counted)


async def hammer(options: argparse.Namespace) -> None:
    made: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        files = Files(Path(folder))
        async with X509Source() as source:
            files.write(source.context)
            source.subscribe(files.write)
            await asyncio.gather(
                *(keep_calling(files, one, options, made) for one in options.addr.split(","))
            )
    failed = {why: count for why, count in made.items() if why}
    print(json.dumps({"handshakes": made.total(), "failed": failed}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["hammer"])
    parser.add_argument("-addr")
    parser.add_argument("-id")
    parser.add_argument("-timeout", type=float, default=50.0)
    parser.add_argument("-rate", type=float, default=10.0)
    parser.add_argument("-for", type=float, default=10.0)
    options = parser.parse_args()
    asyncio.run(asyncio.wait_for(hammer(options), options.timeout))


if __name__ == "__main__":
    main()
