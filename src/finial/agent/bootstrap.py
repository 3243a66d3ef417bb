"""The first trust: a bundle from the last run, from a file, a web server, a service on this machine, another agent's
Workload API, or, if the operator takes the risk, from whoever answers as the server."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

from finial.agent.connection import RPC_TIMEOUT, ServerAddress
from finial.agent.download import download
from finial.agent.storage import Bootstrap, Use
from finial.agent.workload_api import HEADER
from finial.errors import FinialError, InvalidArgument, NotFound
from finial.runtime.grpc import unary
from finial.runtime.log import Logger
from finial.spiffe import bundle_document
from finial.spiffe.bundle import Bundle, X509Authority
from finial.spiffe.trust_domain import TrustDomain
from finial.svid import x509
from finial.wire.client import ServerApi, ServerChannel
from finial.wire.convert.bundle import bundle_from_wire
from finial.wire.pb.spiffe.workload import workload_pb2
from finial.wire.pb.spiffe.workload.workload_grpc import SpiffeWorkloadAPIStub
from finial.wire.pb.spire.api.server.bundle.v1 import bundle_pb2

PEM, SPIFFE = "pem", "spiffe"
BUNDLE_HINT = {
    form: f"trust_bundle_path must name what `spire-server bundle show -format {form}` prints"
    for form in (PEM, SPIFFE)
}
WORKLOAD_API_TIMEOUT = 60.0


@dataclass(frozen=True, slots=True)
class FirstTrust:
    """Where the first bundle comes from: one of these. `unix_socket` is the way to `url`; `workload_api` is a
    path. `form` is that of `path` and `url`."""

    path: str = ""
    form: str = PEM
    insecure: bool = False
    url: str = ""
    unix_socket: str = ""
    workload_api: str = ""


async def first_bundle(trust: FirstTrust, server: ServerAddress, state: Bootstrap, log: Logger) -> Bundle:
    """From the configured source. Raises: what reading, fetching and parsing raise."""
    if trust.insecure:
        log.warning("Insecure bootstrap enabled; skipping server certificate verification")
        return await unverified_bundle(server)
    if trust.workload_api or trust.url:
        verb = "reattestation" if state.use is Use.TRUST_ANEW else "attestation"
        told = f"Server {verb} attempt {state.attempts}. Started {_rfc3339(state)}."
        log.info(told)
    if trust.workload_api:
        return await workload_api_bundle(trust.workload_api, server.trust_domain)
    if trust.url:
        return await fetch_bundle(trust, server, state)
    return await read_bundle(trust.path, trust.form, server.trust_domain)


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


async def fetch_bundle(trust: FirstTrust, server: ServerAddress, state: Bootstrap) -> Bundle:
    """From `url`; a service at `unix_socket` is told who asks and why, as parameters of the URL."""
    url = url_for_service(trust.url, server, state) if trust.unix_socket else trust.url
    data = await download(url, trust.unix_socket)
    try:
        return parse_bundle(data, trust.form, server.trust_domain)
    except FinialError as why:
        raise InvalidArgument(
            f"could not parse trust bundle from {trust.url}: {why.message}",
            hint=f"it must answer what `spire-server bundle show -format {trust.form}` prints",
        ) from why


def parse_bundle(data: bytes, form: str, trust_domain: TrustDomain) -> Bundle:
    """Raises: InvalidArgument, also for one without X.509 authorities."""
    parse = bundle_document.parse_pem if form == PEM else bundle_document.parse
    bundle = parse(data, trust_domain)
    if not bundle.x509_authorities:
        raise InvalidArgument("no certificates found in trust bundle")
    return bundle


def url_for_service(url: str, server: ServerAddress, state: Bootstrap) -> str:
    """With the parameters of SPIRE 1.15 `trustbundlesources`, sorted as Go sorts them."""
    parts = urlsplit(url)
    told = dict(parse_qsl(parts.query, keep_blank_values=True)) | {
        "spire-attest-mode": "rebootstrap" if state.use is Use.TRUST_ANEW else "bootstrap",
        "spire-connection-attempts": str(state.attempts),
        "spire-attest-start-time": _rfc3339(state),
        "spire-server-address": server.host,
        "spire-server-port": str(server.port),
        "spiffe-trust-domain": server.trust_domain.name,
    }
    return parts._replace(query=urlencode(sorted(told.items()))).geturl()


def _rfc3339(state: Bootstrap) -> str:
    return f"{state.started_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if state.started_at else "never"


async def workload_api_bundle(path: str, trust_domain: TrustDomain) -> Bundle:
    """What another agent on this machine gives its workloads. Raises: NotFound if that has none of this trust domain;
    what the call raises."""
    channel = ServerChannel(path=path)
    try:
        method = SpiffeWorkloadAPIStub(channel).FetchX509Bundles
        async with method.open(timeout=WORKLOAD_API_TIMEOUT, metadata={HEADER: "true"}) as stream:
            await stream.send_message(workload_pb2.X509BundlesRequest(), end=True)
            answer = await stream.recv_message()
            await stream.cancel()
    except FinialError as why:
        what = f"unable to fetch trust bundle from SPIFFE Workload API unix:{path}"
        raise why.within(what) from why
    finally:
        await channel.aclose()
    ders = answer.bundles.get(trust_domain.uri, b"") if answer is not None else b""
    if not ders:
        raise NotFound(
            f'SPIFFE Workload API unix:{path} did not provide a trust bundle for trust domain "{trust_domain}"'
        )
    return Bundle(trust_domain, tuple(X509Authority(der) for der in x509.split_der(ders)))


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
