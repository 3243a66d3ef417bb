"""A workload on py-spiffe (package `spiffe`), with the commands of the Go program `spiffepeer`.

    x509                    the X.509-SVIDs of this process, once
    watch -count N          each update of the X.509 context, until N came; and how one stream ended
    jwt -audience A         a JWT-SVID, validated here and by the agent
    serve -id ID            mTLS: answers each client with the ID it proved, until stdin ends
    call -addr A -id ID     mTLS: connects, expects ID, prints what the server answers
    bare                    how the Workload API refuses a call without the security header

One JSON line an event. The library reads and keeps SVIDs but neither verifies chains nor speaks TLS: that is
done with `cryptography` and the standard library's `ssl`, as its users do.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import ssl
import sys
import threading
from collections.abc import Callable

import grpc  # type: ignore[import-untyped]  # stubs are not installed
from cryptography import x509 as certificates
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.verification import PolicyBuilder, Store
from spiffe import JwtSource, JwtSvid, SpiffeId, WorkloadApiClient, X509Source
from spiffe.workloadapi.x509_context import X509Context

assert sys.platform == "linux", "tests of the Linux side"

TIMEOUT = 50.0
ENDPOINT = "SPIFFE_ENDPOINT_SOCKET"
write_lock = threading.Lock()


def tell(event: dict[str, object]) -> None:
    with write_lock:
        print(json.dumps(event), flush=True)


def roots_of(context: X509Context, svid_id: SpiffeId) -> list[certificates.Certificate]:
    bundle = context.x509_bundle_set.get_bundle_for_trust_domain(svid_id.trust_domain)
    return list(bundle.x509_authorities) if bundle else []


def describe(context: X509Context) -> dict[str, object]:
    """Raises: VerificationError if an SVID is not good under its bundle."""
    svids = []
    for svid in context.x509_svids:
        verifier = PolicyBuilder().store(Store(roots_of(context, svid.spiffe_id))).build_client_verifier()
        verifier.verify(svid.leaf, svid.cert_chain[1:])
        svids.append(
            {
                "id": str(svid.spiffe_id),
                "serial": str(svid.leaf.serial_number),
                "chain": len(svid.cert_chain),
            }
        )
    domains = [bundle.trust_domain.name for bundle in context.x509_bundle_set.bundles]
    return {"svids": svids, "bundles": domains}


def x509(_: argparse.Namespace) -> None:
    with WorkloadApiClient() as client:
        tell(describe(client.fetch_x509_context()))


def watch(options: argparse.Namespace) -> None:
    """Two streams: one that the library opens again by itself, and one that tells how it ended."""
    left, enough = options.count, threading.Event()

    def update(context: X509Context) -> None:
        nonlocal left
        tell(describe(context))
        left -= 1
        if left == 0:
            enough.set()

    def failed(why: Exception) -> None:
        code = str(why).rpartition("StatusCode.")[2]
        tell({"error": code.title().replace("_", ""), "message": str(why)})

    with WorkloadApiClient() as client:
        streams = [
            client.stream_x509_contexts(update, failed),
            client.stream_x509_contexts(lambda _: None, failed, retry_connect=False),
        ]
        if not enough.wait(TIMEOUT):
            sys.exit(f"{left} updates are missing")
        for stream in streams:
            stream.cancel()


def jwt(options: argparse.Namespace) -> None:
    audience = {options.audience}
    with WorkloadApiClient() as client, JwtSource(client) as source:
        svid = source.fetch_svid(audience)
        bundle = source.get_bundle_for_trust_domain(svid.spiffe_id.trust_domain)
        assert bundle is not None
        here = JwtSvid.parse_and_validate(svid.token, bundle, audience)
        agent = client.validate_jwt_svid(svid.token, options.audience)
        tell({"id": str(here.spiffe_id), "agent": str(agent.spiffe_id), "token": svid.token})


def tls(source: X509Source, *, server_side: bool) -> ssl.SSLContext:
    """What the source holds now; the peer's ID is still to be checked."""
    held = source.get_x509_context()
    svid = held.default_svid
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server_side else ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    roots = roots_of(held, svid.spiffe_id)
    context.load_verify_locations(cadata=b"".join(one.public_bytes(Encoding.DER) for one in roots))
    key = svid.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with os.fdopen(os.memfd_create("svid"), "wb") as file:
        file.write(key + b"".join(one.public_bytes(Encoding.PEM) for one in svid.cert_chain))
        file.flush()
        context.load_cert_chain(f"/proc/self/fd/{file.fileno()}")
    return context


def require(connection: ssl.SSLSocket, wanted: str) -> str:
    """Raises: ConnectionRefusedError for any other ID."""
    leaf = certificates.load_der_x509_certificate(connection.getpeercert(binary_form=True) or b"")
    names = leaf.extensions.get_extension_for_class(certificates.SubjectAlternativeName).value
    (found,) = names.get_values_for_type(certificates.UniformResourceIdentifier)
    if SpiffeId(found) != SpiffeId(wanted):
        raise ConnectionRefusedError(f'unexpected ID "{found}"')
    return found


def serve(options: argparse.Namespace) -> None:
    with X509Source(timeout_in_seconds=TIMEOUT) as source, socket.create_server(("127.0.0.1", 0)) as listener:
        host, port = listener.getsockname()
        tell({"address": f"{host}:{port}"})
        threading.Thread(target=answer_all, args=(listener, source, options.id), daemon=True).start()
        sys.stdin.read()


def answer_all(listener: socket.socket, source: X509Source, wanted: str) -> None:
    while True:
        plain, _ = listener.accept()
        try:
            plain.settimeout(TIMEOUT)
            with tls(source, server_side=True).wrap_socket(plain, server_side=True) as connection:
                connection.sendall(f"{require(connection, wanted)}\n".encode())
        except OSError as why:
            tell({"refused": str(why)})


def call(options: argparse.Namespace) -> None:
    host, port = options.addr.rsplit(":", 1)
    with X509Source(timeout_in_seconds=TIMEOUT) as source:
        plain = socket.create_connection((host, int(port)), TIMEOUT)
        with tls(source, server_side=False).wrap_socket(plain) as connection:
            require(connection, options.id)
            line = connection.makefile().readline()
    if not line:
        sys.exit("the server answered nothing")
    tell({"answer": line.strip()})


def bare(_: argparse.Namespace) -> None:
    with grpc.insecure_channel(os.environ[ENDPOINT]) as channel:
        fetch = channel.unary_stream("/SpiffeWorkloadAPI/FetchX509SVID")
        try:
            next(fetch(b"", timeout=TIMEOUT))
        except grpc.RpcError as why:
            tell({"error": why.code().name.title().replace("_", ""), "message": why.details()})


COMMANDS: dict[str, Callable[[argparse.Namespace], None]] = {
    "x509": x509,
    "watch": watch,
    "jwt": jwt,
    "serve": serve,
    "call": call,
    "bare": bare,
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("-addr")
    parser.add_argument("-id")
    parser.add_argument("-audience", default="test")
    parser.add_argument("-count", type=int, default=1)
    options = parser.parse_args()
    try:
        COMMANDS[options.command](options)
    except OSError as why:
        sys.exit(str(why))


if __name__ == "__main__":
    main()
