"""JWT-SVIDs that were signed before and are young enough to hand out again. Pure.

The key is the SPIFFE ID and the set of audiences, so that their order does not matter; a token is reused
until half of its life, give or take a tenth. SPIRE 1.15 `pkg/agent/manager/cache/jwt_cache.go`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from finial.agent.lifetime import Draw, renewal_time
from finial.spiffe.id import SpiffeId
from finial.svid.jwt import JwtSvid

Key = tuple[SpiffeId, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class _Kept:
    svid: JwtSvid
    renew_at: float


class JwtCache:
    """At most `size` tokens, the longest unused forgotten first."""

    def __init__(self, draw: Draw, *, size: int = 1000) -> None:
        self._kept: OrderedDict[Key, _Kept] = OrderedDict()
        self._draw = draw
        self._size = size

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, spiffe_id: SpiffeId, audience: Iterable[str], now: float) -> tuple[JwtSvid | None, bool]:
        """The token, if one is still valid, and whether it is fresh enough: one that is not serves only
        while no other can be had."""
        key = (spiffe_id, tuple(sorted(audience)))
        kept = self._kept.get(key)
        if kept is None or kept.svid.expires_at <= now:
            return None, False
        self._kept.move_to_end(key)
        return kept.svid, now < kept.renew_at

    def put(self, svid: JwtSvid, audience: Iterable[str], now: float) -> None:
        born = now if svid.issued_at is None else svid.issued_at
        key = (svid.id, tuple(sorted(audience)))
        self._kept[key] = _Kept(svid, renewal_time(born, svid.expires_at, now, self._draw))
        self._kept.move_to_end(key)
        if len(self._kept) > self._size:
            self._kept.popitem(last=False)

    def drop_signed_by(self, key_ids: Collection[str]) -> int:
        """Forgets what tainted keys signed. Returns: how many."""
        tainted = [key for key, kept in self._kept.items() if kept.svid.key_id in key_ids]
        for key in tainted:
            del self._kept[key]
        return len(tainted)
