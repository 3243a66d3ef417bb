"""The first trust: a bundle from the last run, from a file, or, if the operator takes the risk, from whoever
answers as the server."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

from finial.agent.connection import RPC_TIMEOUT, ServerAddress
from finial.errors import FinialError, InvalidArgument
from finial.runtime.grpc import unary
from finial.spiffe import bundle_document
from finial.spiffe.bundle import Bundle, X509Authority
from finial.spiffe.trust_domain import TrustDomain
from finial.wire.client import ServerApi
from finial.wire.convert.bundle import bundle_from_wire
from finial.wire.pb.spire.api.server.bundle.v1 import bundle_pb2

PEM, SPIFFE = "pem", "spiffe"
BUNDLE_HINT = {
    form: f"trust_bundle_path must name what `spire-server bundle show -format {form}` prints"
    for form in (PEM, SPIFFE)
}


def stored_bundle(trust_domain: TrustDomain, roots: tuple[bytes, ...]) -> Bundle:
    """DER certificates of the last run."""
    return Bundle(trust_domain, tuple(X509Authority(der) for der in roots))


async def read_bundle(path: str, form: str, trust_domain: TrustDomain) -> Bundle:
    """From a file, `form` being "pem" or "spiffe". Raises: InvalidArgument, in SPIRE's words."""
    try:
        data = await asyncio.to_thread(Path(path).read_bytes)
    except OSError as why:
        reason = (why.strerror or str(why)).lower()
        raise InvalidArgument(
            f"could not parse trust bundle: open {path}: {reason}", hint=BUNDLE_HINT[form]
        ) from why
    try:
        if form == PEM:
            return bundle_document.parse_pem(data, trust_domain)
        return bundle_document.parse(data, trust_domain)
    except FinialError as why:
        told = why if form == PEM else why.within("could not parse trust bundle")
        raise type(why)(told.message, hint=f'"{path}" was read: {BUNDLE_HINT[form]}') from why


async def unverified_bundle(server: ServerAddress) -> Bundle:
    """The bundle of whoever answers at the address: trust at first use, for `insecure_bootstrap` only.

    The proof of the node is not sent on this connection: a server has to live up to its own bundle first.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    async with ServerApi.to(server.host, server.port, context) as api:
        message = await unary(api.bundle.GetBundle, bundle_pb2.GetBundleRequest(), timeout=RPC_TIMEOUT)
    bundle = bundle_from_wire(message)
    if bundle.trust_domain != server.trust_domain:
        raise InvalidArgument(
            f'server is of trust domain "{bundle.trust_domain}", "{server.trust_domain}" is configured'
        )
    return bundle
