"""`localauthority x509|jwt show | prepare | activate | taint | revoke`: a server's own signing authorities by hand.

One life of an authority: prepared -> active -> old -> tainted -> revoked. SPIRE 1.15 has no such commands for
WIT. Texts and labels are SPIRE's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from finial.cli.command import Command, Run
from finial.cli.console import Console
from finial.cli.flags import flag
from finial.cli.notation import time_text
from finial.cli.output import answer
from finial.cli.server_socket import AnswerFlags, calling, server
from finial.errors import InvalidArgument
from finial.wire.pb.spire.api.server.localauthority.v1 import localauthority_pb2 as wire

if TYPE_CHECKING:
    from finial.wire.pb.spire.api.server.localauthority.v1.localauthority_grpc import LocalAuthorityStub

    State = wire.GetX509AuthorityStateResponse | wire.GetJWTAuthorityStateResponse
    Changed = (
        wire.PrepareX509AuthorityResponse
        | wire.PrepareJWTAuthorityResponse
        | wire.ActivateX509AuthorityResponse
        | wire.ActivateJWTAuthorityResponse
        | wire.TaintX509AuthorityResponse
        | wire.TaintJWTAuthorityResponse
        | wire.RevokeX509AuthorityResponse
        | wire.RevokeJWTAuthorityResponse
    )

X509, JWT = "X.509", "JWT"
ID_HINT = "`finial localauthority {word} show` tells the IDs"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeFlags(AnswerFlags):
    authority_id: str = flag(
        "", "The ID of the authority, as show tells it", name="authorityID", refers_to="x509_authority"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class JwtChangeFlags(ChangeFlags):
    authority_id: str = flag(
        "", "The ID of the authority, as show tells it", name="authorityID", refers_to="jwt_authority"
    )


@dataclass(frozen=True, slots=True)
class Change:
    """One step of one kind of authority. `call` takes the ID that was typed."""

    kind: str
    verb: str
    done: str
    call: Callable[[LocalAuthorityStub, str], Awaitable[Changed]]


CHANGES = (
    Change(
        X509,
        "prepare",
        "prepared",
        lambda api, _: api.PrepareX509Authority(wire.PrepareX509AuthorityRequest()),
    ),
    Change(
        X509,
        "activate",
        "activated",
        lambda api, id: api.ActivateX509Authority(wire.ActivateX509AuthorityRequest(authority_id=id)),
    ),
    Change(
        X509,
        "taint",
        "tainted",
        lambda api, id: api.TaintX509Authority(wire.TaintX509AuthorityRequest(authority_id=id)),
    ),
    Change(
        X509,
        "revoke",
        "revoked",
        lambda api, id: api.RevokeX509Authority(wire.RevokeX509AuthorityRequest(authority_id=id)),
    ),
    Change(
        JWT, "prepare", "prepared", lambda api, _: api.PrepareJWTAuthority(wire.PrepareJWTAuthorityRequest())
    ),
    Change(
        JWT,
        "activate",
        "activated",
        lambda api, id: api.ActivateJWTAuthority(wire.ActivateJWTAuthorityRequest(authority_id=id)),
    ),
    Change(
        JWT,
        "taint",
        "tainted",
        lambda api, id: api.TaintJWTAuthority(wire.TaintJWTAuthorityRequest(authority_id=id)),
    ),
    Change(
        JWT,
        "revoke",
        "revoked",
        lambda api, id: api.RevokeJWTAuthority(wire.RevokeJWTAuthorityRequest(authority_id=id)),
    ),
)
SUMMARIES = {
    "prepare": "Makes the next {kind} authority and publishes it in the bundle; it signs nothing yet.",
    "activate": "Has the prepared {kind} authority sign from here on; the one before becomes old.",
    "taint": "Marks the old {kind} authority as not to be trusted: what it signed is renewed at once.",
    "revoke": "Takes the old, tainted {kind} authority out of the bundle: nothing that it signed is valid.",
}


def shows(kind: str) -> Run:
    async def show(flags: AnswerFlags, console: Console) -> int:
        async with server(flags) as api:
            with calling(f"could not get {kind} authorities" if kind == X509 else ""):
                state = await current(kind, api.local_authority)
        return answer(console, flags.output, state, state_text(kind, state))

    return show


async def current(kind: str, api: LocalAuthorityStub) -> State:
    if kind == X509:
        return await api.GetX509AuthorityState(wire.GetX509AuthorityStateRequest())
    return await api.GetJWTAuthorityState(wire.GetJWTAuthorityStateRequest())


def changes(change: Change) -> Run:
    async def apply(flags: AnswerFlags, console: Console) -> int:
        authority_id = required_id(flags, change.kind) if isinstance(flags, ChangeFlags) else ""
        async with server(flags) as api:
            with calling(f"could not {change.verb} {change.kind} authority"):
                reply = await change.call(api.local_authority, authority_id)
        changed = authority_text(change.kind, getattr(reply, f"{change.done}_authority"))
        title = f"{change.done.capitalize()} {change.kind} authority:"
        return answer(console, flags.output, reply, [title, *changed])

    return apply


def required_id(flags: ChangeFlags, kind: str) -> str:
    if not flags.authority_id:
        raise InvalidArgument("an authority ID is required", hint=ID_HINT.format(word=word(kind)))
    return flags.authority_id


def state_text(kind: str, state: State) -> Iterator[str]:
    for number, name in enumerate(("active", "prepared", "old")):
        if number:
            yield ""
        yield f"{name.capitalize()} {kind} authority:"
        if state.HasField(name):
            yield from authority_text(kind, getattr(state, name))
        else:
            yield f"  No {name} {kind} authority found"


def authority_text(kind: str, authority: wire.AuthorityState) -> Iterator[str]:
    """Only X.509 has authorities above it."""
    yield f"  Authority ID: {authority.authority_id}"
    yield f"  Expires at: {time_text(authority.expires_at)}"
    if kind != X509:
        return
    if authority.upstream_authority_subject_key_id:
        yield f"  Upstream authority Subject Key ID: {authority.upstream_authority_subject_key_id}"
    else:
        yield "  Upstream authority ID: No upstream authority"


def word(kind: str) -> str:
    """As it is typed: `x509`."""
    return kind.replace(".", "").lower()


def show_command(kind: str) -> Command:
    path = f"localauthority {word(kind)} show"
    return Command(
        path,
        f"Shows the {kind} authorities of this server: active, prepared and old.",
        AnswerFlags,
        shows(kind),
        examples=(f"finial {path}", f"finial {path} -output json"),
    )


def change_command(change: Change) -> Command:
    path = f"localauthority {word(change.kind)} {change.verb}"
    named = change.verb != "prepare"
    return Command(
        path,
        SUMMARIES[change.verb].format(kind=change.kind),
        AnswerFlags if not named else ChangeFlags if change.kind == X509 else JwtChangeFlags,
        changes(change),
        examples=(f"finial {path} -authorityID ID" if named else f"finial {path}",),
    )


COMMANDS = (
    *(show_command(kind) for kind in (X509, JWT)),
    *(change_command(one) for one in CHANGES),
)
