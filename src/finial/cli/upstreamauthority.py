"""`upstreamauthority taint | revoke`: the X.509 authority above this server's own, which an upstream plugin named."""

from __future__ import annotations

from dataclasses import dataclass

from finial.cli.command import Command
from finial.cli.console import Console
from finial.cli.flags import flag
from finial.cli.output import answer
from finial.cli.server_socket import AnswerFlags, calling, server
from finial.errors import InvalidArgument
from finial.wire.pb.spire.api.server.localauthority.v1 import localauthority_pb2 as wire


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamFlags(AnswerFlags):
    subject_key_id: str = flag(
        "",
        "The subject key ID of the upstream authority's CA certificate, in hex",
        name="subjectKeyID",
        refers_to="upstream_authority",
    )


async def taint(flags: UpstreamFlags, console: Console) -> int:
    key_id = required_key_id(flags)
    async with server(flags) as api:
        with calling("could not taint X.509 upstream authority"):
            reply = await api.local_authority.TaintX509UpstreamAuthority(
                wire.TaintX509UpstreamAuthorityRequest(subject_key_id=key_id)
            )
    return answer(console, flags.output, reply, shown("Tainted", reply))


async def revoke(flags: UpstreamFlags, console: Console) -> int:
    key_id = required_key_id(flags)
    async with server(flags) as api:
        with calling("could not revoke X.509 upstream authority"):
            reply = await api.local_authority.RevokeX509UpstreamAuthority(
                wire.RevokeX509UpstreamAuthorityRequest(subject_key_id=key_id)
            )
    return answer(console, flags.output, reply, shown("Revoked", reply))


def required_key_id(flags: UpstreamFlags) -> str:
    if not flags.subject_key_id:
        raise InvalidArgument(
            "the Subject Key ID of the X.509 upstream authority is required",
            hint="`finial localauthority x509 show` tells it of each authority",
        )
    return flags.subject_key_id


def shown(
    done: str, reply: wire.TaintX509UpstreamAuthorityResponse | wire.RevokeX509UpstreamAuthorityResponse
) -> list[str]:
    return [
        f"{done} X.509 upstream authority:",
        f"  Subject Key ID: {reply.upstream_authority_subject_key_id}",
    ]


COMMANDS = (
    Command(
        "upstreamauthority taint",
        "Marks the upstream authority of the old X.509 authority as not to be trusted.",
        UpstreamFlags,
        taint,
        examples=("finial upstreamauthority taint -subjectKeyID KEY_ID",),
    ),
    Command(
        "upstreamauthority revoke",
        "Takes the tainted upstream authority of the old X.509 authority out of the bundle.",
        UpstreamFlags,
        revoke,
        examples=("finial upstreamauthority revoke -subjectKeyID KEY_ID",),
    ),
)
