"""What a server signs with a configuration, as text: a *case* in, sections of text out.

A case is a file that begins with what is configured and asked for, one thing a line, and goes on with a section
for each kind of credential, as a stock server 1.15.3 wrote it:

    server: ca_key_type = "ec-p384"
    entry: {"x509_svid_ttl": 300}

    ## workload
    SEQUENCE ...

`observe` asks any server for the same, over its sockets, as an operator and as an agent.
"""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import cast

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from google.protobuf.json_format import ParseDict

from finial.errors import Internal
from finial.plugin.kinds import KeyType, PrivateKey
from finial.plugins.key.generation import generate
from finial.runtime.clock import SystemClock
from finial.runtime.grpc import Channel
from finial.runtime.tls import FollowingContext, Material
from finial.spiffe.id import SpiffeId
from finial.svid import csr
from finial.svid.subject import Subject
from finial.svid.x509 import private_key_to_pkcs8
from finial.testing.der import dump, elements
from finial.wire.convert.id import id_from_wire
from finial.wire.pb.spire.api.server.agent.v1 import agent_pb2
from finial.wire.pb.spire.api.server.agent.v1.agent_grpc import AgentStub
from finial.wire.pb.spire.api.server.bundle.v1 import bundle_pb2
from finial.wire.pb.spire.api.server.bundle.v1.bundle_grpc import BundleStub
from finial.wire.pb.spire.api.server.entry.v1 import entry_pb2
from finial.wire.pb.spire.api.server.entry.v1.entry_grpc import EntryStub
from finial.wire.pb.spire.api.server.svid.v1 import svid_pb2
from finial.wire.pb.spire.api.server.svid.v1.svid_grpc import SVIDStub
from finial.wire.pb.spire.api.types import entry_pb2 as types
from finial.wire.pb.spire.api.types import spiffeid_pb2
from finial.wire.status import DetailsCodec

DOMAIN = "example.org"
MINTED = SpiffeId.parse(f"spiffe://{DOMAIN}/minted")
OWN = Subject(("DE",), ("Own",), common_name="own")  # of the CSR that is minted from
PATIENCE = 20.0  # seconds until a new entry can be used: a stock server reads its table each 5 s


@dataclass(frozen=True, slots=True)
class Case:
    options: str
    plugins: str
    entry: Mapping[str, object]
    audience: tuple[str, ...]
    key: KeyType  # the workload's
    sections: Mapping[str, str]

    @classmethod
    def read(cls, path: Path) -> Case:
        head, *sections = path.read_text().split("\n## ")
        lines = [line.partition(": ")[::2] for line in head.splitlines() if line and not line.startswith("#")]
        given = {name: "\n".join(text for one, text in lines if one == name) for name, _ in lines}
        named = (one.partition("\n")[::2] for one in sections)
        return cls(
            given.get("server", ""),
            given.get("plugin", ""),
            json.loads(given.get("entry", "{}")),
            tuple(json.loads(given.get("audience", '["a"]'))),
            KeyType(given.get("key", "ec-p256")),
            {name: text.strip() for name, text in named},
        )


@dataclass(frozen=True, slots=True)
class Caller:
    chain: tuple[bytes, ...] = ()
    key: PrivateKey | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Target:
    """A server that runs: its local socket and its port."""

    socket: Path
    port: int

    def admin(self) -> AbstractAsyncContextManager[Channel]:
        return Channel(path=str(self.socket), details_codec=DetailsCodec())

    def remote(self, root: bytes, caller: Caller) -> AbstractAsyncContextManager[Channel]:
        key = private_key_to_pkcs8(caller.key) if caller.key else b""
        context = FollowingContext(Material({DOMAIN: (root,)}, caller.chain, key), lambda _: None)
        return Channel("127.0.0.1", self.port, ssl=context, details_codec=DetailsCodec())


Below = Callable[[bytes], Awaitable[bytes]]  # a CA for a server below, from a request: both DER


async def observe(target: Target, case: Case, below: Below | None = None) -> dict[str, str]:
    """Text by section. `below`: how an entry for a downstream server gets its CA; the API's way unless told."""
    async with target.admin() as admin:
        bundle = await BundleStub(admin).GetBundle(bundle_pb2.GetBundleRequest())
        root = bundle.x509_authorities[0].asn1
        token = await AgentStub(admin).CreateJoinToken(agent_pb2.CreateJoinTokenRequest(ttl=600))
        agent = await _attest(target, root, token.value)
        agent_id = f"spiffe://{DOMAIN}/spire/agent/join_token/{token.value}"
        entry_id = await _entry(admin, agent_id, case)
        minted, minted_jwt = await _mint(admin, case)
    async with target.remote(root, agent) as channel:
        workload = await _workload(channel, entry_id, case)
        request = svid_pb2.NewJWTSVIDRequest(entry_id=entry_id, audience=case.audience)
        jwt_svid = (await SVIDStub(channel).NewJWTSVID(request)).svid.token
    pem = await asyncio.to_thread(ssl.get_server_certificate, ("127.0.0.1", target.port), timeout=10)
    leaves = {
        "CA": root,
        "server": ssl.PEM_cert_to_DER_cert(pem),
        "agent": agent.chain[0],
        "workload": workload.chain[0],
        "minted": minted,
    }
    if case.entry.get("downstream"):
        request_below = csr.create(generate(KeyType.EC_P256))
        made = await (below(request_below) if below else _below(target, root, workload, request_below))
        leaves["downstream CA"] = made
    key_end = max(one.expires_at for one in bundle.jwt_authorities)
    texts = {name: certificate_text(der, root, agent_id) for name, der in leaves.items()}
    return texts | {
        "JWT-SVID": token_text(jwt_svid, key_end),
        "minted JWT-SVID": token_text(minted_jwt, key_end),
    }


async def _attest(target: Target, root: bytes, token: str) -> Caller:
    key = generate(KeyType.EC_P256)
    request = agent_pb2.AttestAgentRequest()
    request.params.data.type = "join_token"
    request.params.data.payload = token.encode()
    request.params.params.csr = csr.create(key)
    async with (
        target.remote(root, Caller()) as channel,
        AgentStub(channel).AttestAgent.open() as stream,
    ):
        await stream.send_message(request, end=True)
        answer = await stream.recv_message()
        await stream.recv_trailing_metadata()
    if answer is None:
        raise Internal("attestation: no answer")
    return Caller(tuple(answer.result.svid.cert_chain), key)


async def _entry(admin: Channel, agent_id: str, case: Case) -> str:
    entry = ParseDict(dict(case.entry), types.Entry())
    entry.spiffe_id.CopyFrom(spiffeid_pb2.SPIFFEID(trust_domain=DOMAIN, path="/workload"))
    path = agent_id.removeprefix(f"spiffe://{DOMAIN}")
    entry.parent_id.CopyFrom(spiffeid_pb2.SPIFFEID(trust_domain=DOMAIN, path=path))
    entry.selectors.add(type="unix", value="uid:0")
    answer = await EntryStub(admin).BatchCreateEntry(entry_pb2.BatchCreateEntryRequest(entries=[entry]))
    return answer.results[0].entry.id


async def _mint(admin: Channel, case: Case) -> tuple[bytes, str]:
    request = csr.create(generate(KeyType.EC_P256), MINTED, dns_names=("m.test",), subject=OWN)
    minted = await SVIDStub(admin).MintX509SVID(svid_pb2.MintX509SVIDRequest(csr=request))
    wanted = svid_pb2.MintJWTSVIDRequest(audience=case.audience)
    wanted.id.CopyFrom(minted.svid.id)
    if id_from_wire(minted.svid.id) != MINTED:
        raise Internal("minted for another ID")
    return minted.svid.cert_chain[0], (await SVIDStub(admin).MintJWTSVID(wanted)).svid.token


async def _below(target: Target, root: bytes, caller: Caller, request: bytes) -> bytes:
    async with target.remote(root, caller) as channel:
        answer = await SVIDStub(channel).NewDownstreamX509CA(svid_pb2.NewDownstreamX509CARequest(csr=request))
    return answer.ca_cert_chain[0]


async def _workload(channel: Channel, entry_id: str, case: Case) -> Caller:
    """Asked again until the server knows the entry."""
    key = generate(case.key)
    param = svid_pb2.NewX509SVIDParams(entry_id=entry_id, csr=csr.create(key))
    async with asyncio.timeout(PATIENCE):
        while True:
            answer = await SVIDStub(channel).BatchNewX509SVID(
                svid_pb2.BatchNewX509SVIDRequest(params=[param])
            )
            if answer.results[0].status.code == 0:
                return Caller(tuple(answer.results[0].svid.cert_chain), key)
            await asyncio.sleep(0.2)


def certificate_text(der: bytes, root: bytes, agent_id: str) -> str:
    """With names for what differs from one server and run to another."""
    certificate, authority = map(x509.load_der_x509_certificate, (der, root))
    names = {
        b"\0" + certificate.signature: "<signature>",
        _bit_string(certificate): "<public key>",
        _integer(certificate.serial_number): "<serial>",
        str(authority.serial_number).encode(): "<serial of the CA, decimal>",
        _key_id(authority): "<key ID of the CA>",
        agent_id.encode(): "<ID of the agent>",
    }
    if der != root:
        names[_key_id(certificate)] = "<key ID>"
    return dump(der, names | _dates(certificate, authority))


def _dates(certificate: x509.Certificate, authority: x509.Certificate) -> dict[bytes, str]:
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    seconds = int((end - begin).total_seconds()) - 10
    capped = certificate != authority and end == authority.not_valid_after_utc
    text = "<end of the CA>" if capped else f"<{seconds} s from then>"
    return {_date(begin): "<10 s before it was signed>", _date(end): text}


def _date(moment: datetime) -> bytes:
    return f"{moment:%y%m%d%H%M%SZ}".encode()


def _integer(number: int) -> bytes:
    return number.to_bytes(number.bit_length() // 8 + 1)


def _bit_string(certificate: x509.Certificate) -> bytes:
    """The content of the key's, with the octet that counts its unused bits."""
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    ((_, whole),) = elements(key)
    return list(elements(whole))[1][1]


def _key_id(certificate: x509.Certificate) -> bytes:
    """SHA-1 of the key, whatever the certificate says."""
    return x509.SubjectKeyIdentifier.from_public_key(certificate.public_key()).digest


def token_text(token: str, key_end: int) -> str:
    """Header and claims as they stand there, with names for what differs."""
    header, claims, signature = (base64.urlsafe_b64decode(part + "==") for part in token.split("."))
    text = claims.decode()
    told = cast(dict[str, object], json.loads(text))
    issued_at, expires_at = int(str(told["iat"])), int(str(told["exp"]))
    if abs(SystemClock().unix() - issued_at) > PATIENCE:
        raise Internal("token is not of this minute")
    end = "<end of the key>" if expires_at == key_end else f"<{expires_at - issued_at} s from then>"
    text = text.replace(f'"exp":{expires_at}', f'"exp":{end}').replace(f'"iat":{issued_at}', '"iat":<now>')
    if "jti" in told:
        size = len(base64.urlsafe_b64decode(f"{told['jti']}=="))
        text = text.replace(str(told["jti"]), f"<{size} bytes, base64url>")
    key_id = str(json.loads(header)["kid"])
    return "\n".join(
        (
            f"header {header.decode().replace(key_id, f'<{len(key_id)} characters>')}",
            f"claims {text}",
            f"signature {len(signature)} bytes",
        )
    )
