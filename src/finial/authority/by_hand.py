"""What operators ask of a server's authorities, and what is refused them. Pure; SPIRE's words.

    prepare -> activate -> (the one before is old) -> taint -> revoke

Only an old authority can be tainted and revoked, so that the server goes on to sign. Below an upstream
authority its roots take the place of the CAs. Whether what is revoked is tainted, as it must be, is the
bundle's to say. SPIRE 1.15 `pkg/server/api/localauthority/v1/service.go`.
"""

from __future__ import annotations

from collections.abc import Iterable

from finial.authority.journal import Status
from finial.authority.rotation import Rotation, Transition
from finial.authority.slots import AnySlots, Kind
from finial.authority.steps import Revoke, Taint
from finial.authority.upstream import check_upstream_id
from finial.errors import Internal, InvalidArgument


def check_activation(state: Rotation, kind: Kind, authority_id: str) -> None:
    """Raises: InvalidArgument or Internal unless it is the prepared one."""
    slots = state.slots(kind)
    _require_id(authority_id)
    _require_next(slots, authority_id)
    if slots.prepared is None:
        raise Internal(f"only Prepared authorities can be activated: {_unsupported(slots)}")


def tainted(state: Rotation, kind: Kind, authority_id: str) -> Transition:
    """Raises: InvalidArgument unless it is the old authority."""
    slots = state.slots(kind)
    _require_id(authority_id)
    if slots.current is not None and authority_id == slots.current.authority_id:
        raise InvalidArgument("unable to taint current local authority")
    _require_next(slots, authority_id)
    if slots.old is None:
        raise InvalidArgument(f"only Old local authorities can be tainted: {_unsupported(slots)}")
    return Transition(state, (Taint(kind, authority_id),))


def revoked(state: Rotation, kind: Kind, authority_id: str, published: Iterable[str] = ()) -> Transition:
    """`published`: IDs of JWT authorities in the own bundle, other servers' too, which may be revoked here.

    Raises: InvalidArgument.
    """
    try:
        _require_id(authority_id)
        _check_revocable(state.slots(kind), kind, authority_id, published)
    except InvalidArgument as why:
        raise why.within("invalid authority ID") from why
    return Transition(state, (Revoke(kind, authority_id),))


def upstream_tainted(state: Rotation, subject_key_id: str) -> Transition:
    """Raises: InvalidArgument unless only the old CA is below this root."""
    try:
        check_upstream_id(state.x509, subject_key_id)
    except InvalidArgument as why:
        raise why.within("provided subject key id is not valid") from why
    return Transition(state, (Taint(Kind.X509, subject_key_id),))


def upstream_revoked(state: Rotation, subject_key_id: str) -> Transition:
    """Raises: InvalidArgument unless only the old CA is below this root."""
    try:
        check_upstream_id(state.x509, subject_key_id)
    except InvalidArgument as why:
        raise why.within("invalid subject key ID") from why
    return Transition(state, (Revoke(Kind.X509, subject_key_id),))


def _check_revocable(slots: AnySlots, kind: Kind, authority_id: str, published: Iterable[str]) -> None:
    if slots.current is not None and authority_id == slots.current.authority_id:
        raise InvalidArgument("unable to use current authority")
    is_old = slots.old is not None and authority_id == slots.old.authority_id
    if kind is Kind.X509:
        if not is_old:
            raise InvalidArgument("only Old local authority can be revoked")
    elif slots.prepared is not None and authority_id == slots.prepared.authority_id:
        raise InvalidArgument("unable to use a prepared key")
    elif not is_old and authority_id not in published:
        raise InvalidArgument("no JWT authority found with provided authority ID")


def _require_id(authority_id: str) -> None:
    if not authority_id:
        raise InvalidArgument("no authority ID provided")


def _require_next(slots: AnySlots, authority_id: str) -> None:
    if slots.next is None or slots.next.authority_id != authority_id:
        raise InvalidArgument("unexpected authority ID")


def _unsupported(slots: AnySlots) -> str:
    status = slots.next.status.name if slots.next is not None else Status.UNKNOWN.name
    return f"unsupported local authority status: {status}"
