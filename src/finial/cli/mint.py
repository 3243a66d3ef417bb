"""`x509 mint` and `jwt mint`: an SVID for an ID without an entry. Keys are made here and never sent."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from finial.cli.command import Command
from finial.cli.console import Console
from finial.cli.durations import read_duration
from finial.cli.files import write_file
from finial.cli.flags import flag
from finial.cli.notation import parse_id
from finial.cli.output import messages_json, to_line
from finial.cli.server_socket import AnswerFlags, calling, server
from finial.errors import FinialError, InvalidArgument
from finial.spiffe.id import SpiffeId
from finial.svid import csr, x509
from finial.wire.pb.spire.api.server.bundle.v1.bundle_pb2 import GetBundleRequest
from finial.wire.pb.spire.api.server.svid.v1.svid_pb2 import MintJWTSVIDRequest, MintX509SVIDRequest
from finial.wire.pb.spire.api.types.spiffeid_pb2 import SPIFFEID


@dataclass(frozen=True, slots=True, kw_only=True)
class X509Flags(AnswerFlags):
    spiffe_id: str = flag("", "The SPIFFE ID of the X509-SVID", name="spiffeID")
    dns_names: tuple[str, ...] = flag((), "A DNS name for the SVID. May be repeated", name="dns")
    ttl: float = flag(
        0.0, "Lifetime, for example 30m; the server's default if it is not given", read=read_duration
    )
    write: str = flag("", "A folder to write svid.pem, key.pem and bundle.pem into instead of showing them")


@dataclass(frozen=True, slots=True, kw_only=True)
class JwtFlags(AnswerFlags):
    spiffe_id: str = flag("", "The SPIFFE ID of the JWT-SVID", name="spiffeID")
    audience: tuple[str, ...] = flag(
        (), "Who the token is for; separated by commas, or repeated", separator=","
    )
    ttl: float = flag(
        0.0, "Lifetime, for example 5m; the server's default if it is not given", read=read_duration
    )
    write: str = flag("", "A file to write the token into instead of showing it")


@dataclass(frozen=True, slots=True)
class Minted:
    chain: tuple[bytes, ...]  # DER, leaf first
    key: bytes  # PKCS#8 DER
    roots: tuple[bytes, ...]  # DER

    def files(self) -> tuple[tuple[str, str, bytes, int], ...]:
        """(file name, what it holds, PEM, mode)."""
        return (
            ("svid.pem", "X509-SVID", certificates_pem(self.chain), 0o644),
            ("key.pem", "Private key", pem("PRIVATE KEY", self.key), 0o600),
            ("bundle.pem", "Root CAs", certificates_pem(self.roots), 0o644),
        )


async def mint_x509(flags: X509Flags, console: Console) -> int:
    wanted = checked_id(flags.spiffe_id)
    key = ec.generate_private_key(ec.SECP256R1())
    request = csr.create(key, uri=wanted, dns_names=flags.dns_names)
    async with server(flags) as api:
        with calling("unable to mint SVID"):
            reply = await api.svid.MintX509SVID(
                MintX509SVIDRequest(csr=request, ttl=whole_seconds(flags.ttl))
            )
        with calling("unable to fetch bundle"):
            bundle = await api.bundle.GetBundle(GetBundleRequest())
    warn_if_capped("X509", flags.ttl, reply.svid.expires_at, console)
    roots = tuple(one.asn1 for one in bundle.x509_authorities)
    minted = Minted(tuple(reply.svid.cert_chain), x509.private_key_to_pkcs8(key), roots)
    if flags.write:
        write_x509(minted, Path(flags.write), console)
    elif flags.output == "json":
        console.out(x509_json(minted))
    else:
        console.out("".join(f"{name}:\n{text.decode()}\n" for _, name, text, _ in minted.files()), end="")
    return 0


async def mint_jwt(flags: JwtFlags, console: Console) -> int:
    if not flags.spiffe_id:
        raise InvalidArgument("spiffeID must be specified")
    if not flags.audience:
        raise InvalidArgument("at least one audience must be specified", hint="for example -audience api")
    wanted = checked_id(flags.spiffe_id)
    message = SPIFFEID(trust_domain=wanted.trust_domain.name, path=wanted.path)
    request = MintJWTSVIDRequest(id=message, audience=flags.audience, ttl=whole_seconds(flags.ttl))
    async with server(flags) as api:
        with calling("unable to mint SVID"):
            reply = await api.svid.MintJWTSVID(request)
    warn_if_capped("JWT", flags.ttl, reply.svid.expires_at, console)
    if flags.write:
        try:
            write_file(Path(flags.write), reply.svid.token.encode(), 0o600)
        except FinialError as why:
            raise why.within("unable to write token") from why
        console.out(f"JWT-SVID written to {flags.write}")
    else:
        console.out(messages_json([reply]) if flags.output == "json" else reply.svid.token)
    return 0


def checked_id(text: str) -> SpiffeId:
    if not text:
        raise InvalidArgument("spiffeID must be specified")
    return parse_id(text)


def whole_seconds(ttl: float) -> int:
    """Rounded up, so that a part of a second is not "the default"."""
    return max(0, -int(-ttl // 1))


def warn_if_capped(kind: str, ttl: float, expires_at: int, console: Console) -> None:
    """The server may answer with less than was asked for: its own authority expires before."""
    expires = datetime.fromtimestamp(expires_at, UTC)
    remaining = (expires - datetime.now(UTC)).total_seconds()  # noqa: TID251 - the caller's own clock
    if ttl > 0 and remaining < ttl - 1:
        at = expires.strftime("%Y-%m-%dT%H:%M:%SZ")
        console.err(f'{kind}-SVID lifetime was capped shorter than specified ttl; expires "{at}"')


def write_x509(minted: Minted, folder: Path, console: Console) -> None:
    for name, what, data, mode in minted.files():
        try:
            write_file(folder / name, data, mode)
        except FinialError as why:
            raise why.within("unable to write SVID") from why
        console.out(f"{what} written to {folder / name}")


def x509_json(minted: Minted) -> str:
    def encoded(all_of: tuple[bytes, ...]) -> list[str]:
        return [base64.b64encode(one).decode() for one in all_of]

    svid, key, roots = encoded(minted.chain), base64.b64encode(minted.key).decode(), encoded(minted.roots)
    return f'{{"x509_svid":{to_line(svid)},"private_key":{to_line(key)},"root_cas":{to_line(roots)}}}'


def certificates_pem(certificates: tuple[bytes, ...]) -> bytes:
    return b"".join(pem("CERTIFICATE", der) for der in certificates)


def pem(label: str, der: bytes) -> bytes:
    text = base64.b64encode(der).decode()
    lines = "\n".join(text[start : start + 64] for start in range(0, len(text), 64))
    return f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n".encode()


COMMANDS = (
    Command(
        "x509 mint",
        "Mints an X509-SVID for any ID of the trust domain; the key is made here.",
        X509Flags,
        mint_x509,
        examples=("finial x509 mint -spiffeID spiffe://example.org/web -ttl 30m -write .",),
    ),
    Command(
        "jwt mint",
        "Mints a JWT-SVID for any ID of the trust domain.",
        JwtFlags,
        mint_jwt,
        examples=("finial jwt mint -spiffeID spiffe://example.org/web -audience api",),
    ),
)
