"""Rotation by hand: what operators ask of the authorities, between the steps of the clock.

What may be is decided by `authority.by_hand`, pure, and by the bundle; what the bundle refuses is Internal, as
in SPIRE.
"""

from __future__ import annotations

from finial.authority import by_hand
from finial.authority.rotation import Transition
from finial.authority.slots import AnyRecord, AnySlots, Kind
from finial.authority.steps import Prepare
from finial.authority.upstream import require_no_upstream, require_upstream
from finial.errors import FinialError, Internal
from finial.server.rotate import Authorities

NAMES = {Kind.X509: "X.509", Kind.JWT: "JWT"}


class ByHand:
    """One request at a time; a step of the clock waits meanwhile."""

    def __init__(self, authorities: Authorities) -> None:
        self._authorities = authorities

    def slots(self, kind: Kind) -> AnySlots:
        return self._authorities.state.slots(kind)

    async def prepare(self, kind: Kind) -> AnyRecord:
        """A new authority in the free slot; one that was prepared there is given up. Raises: as `advance`."""
        async with self._authorities.changing:
            await self._authorities.prepare(Prepare(kind, self.slots(kind).free_slot))
        prepared = self.slots(kind).prepared
        if prepared is None:
            raise Internal("the prepared authority is gone")
        return prepared

    async def activate(self, kind: Kind, authority_id: str) -> AnyRecord:
        """Raises: InvalidArgument or Internal, in SPIRE's words, unless it is the prepared one."""
        async with self._authorities.changing:
            state = self._authorities.state
            by_hand.check_activation(state, kind, authority_id)
            await self._authorities.apply(state.activated(kind))
        current = self.slots(kind).current
        if current is None:
            raise Internal("the activated authority is gone")
        return current

    async def taint(self, kind: Kind, authority_id: str) -> None:
        """What it signed is to be renewed now. Raises: FailedPrecondition, InvalidArgument, Internal."""
        async with self._authorities.changing:
            require_no_upstream(self._is_below(kind), "tainted")
            transition = by_hand.tainted(self._authorities.state, kind, authority_id)
            await self._mark("taint", f"{NAMES[kind]} authority", transition)

    async def revoke(self, kind: Kind, authority_id: str) -> None:
        """What it signed verifies no longer. Raises: FailedPrecondition, InvalidArgument, Internal."""
        async with self._authorities.changing:
            require_no_upstream(self._is_below(kind), "revoked")
            bundle = await self._authorities.bundle()
            published = [one.key_id for one in bundle.jwt_authorities] if bundle else []
            transition = by_hand.revoked(self._authorities.state, kind, authority_id, published)
            await self._mark("revoke", f"{NAMES[kind]} authority", transition)

    async def taint_upstream(self, subject_key_id: str) -> None:
        """All below this root is to be renewed now. Raises: FailedPrecondition, InvalidArgument, Internal."""
        async with self._authorities.changing:
            require_upstream(self._authorities.has_upstream)
            transition = by_hand.upstream_tainted(self._authorities.state, subject_key_id)
            await self._mark("taint", "upstream authority", transition)

    async def revoke_upstream(self, subject_key_id: str) -> None:
        """Nothing below this root verifies from here on. Raises: as `taint_upstream`."""
        async with self._authorities.changing:
            require_upstream(self._authorities.has_upstream)
            transition = by_hand.upstream_revoked(self._authorities.state, subject_key_id)
            await self._mark("revoke", "X.509 upstream authority", transition)

    def _is_below(self, kind: Kind) -> bool:
        return kind is Kind.X509 and self._authorities.has_upstream

    async def _mark(self, verb: str, what: str, transition: Transition) -> None:
        try:
            await self._authorities.apply(transition)
        except FinialError as why:
            raise Internal(f"failed to {verb} {what}: {why.message}") from why
