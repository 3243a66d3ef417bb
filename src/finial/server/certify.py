"""A new key becomes an authority: certified by itself, or by the upstream authority if there is one.

The upstream's roots are looked at as often as its plugin is asked, so that a new one is in the bundle before
anything is signed below it. A plugin that passes on no JWT keys leaves them to the own bundle, as in SPIRE 1.15.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from finial.authority.ca import X509Ca, self_signed, upstream_request
from finial.authority.jwt import JwtKey, new_key_id
from finial.authority.policy import Policy
from finial.authority.upstream import ca_of
from finial.errors import FinialError, Unsupported
from finial.plugin.kinds import PrivateKey, UpstreamAuthority
from finial.runtime.clock import Clock
from finial.runtime.log import Logger
from finial.spiffe.bundle import JwtAuthority

NO_JWT = (
    "UpstreamAuthority plugin does not support JWT-SVIDs. Workloads managed by this server may have trouble "
    "communicating with workloads outside this cluster when using JWT-SVIDs."
)


@dataclass(frozen=True, slots=True)
class Upstream:
    """The plugin, by its name in the configuration."""

    name: str
    plugin: UpstreamAuthority

    @classmethod
    def of(cls, plugins: Mapping[str, UpstreamAuthority]) -> Upstream | None:
        """Of the at most one that is configured."""
        return next((cls(name, plugin) for name, plugin in plugins.items()), None)


class Certifier:
    """`policy` is asked for once for each new key: a reload may set another."""

    def __init__(
        self, policy: Callable[[], Policy], clock: Clock, log: Logger, upstream: Upstream | None
    ) -> None:
        self._policy, self._clock, self._log, self._upstream = policy, clock, log, upstream
        self._roots: frozenset[bytes] | None = None  # that were told before
        self._warned, self._unreadable = False, ""

    @property
    def has_upstream(self) -> bool:
        return self._upstream is not None

    async def x509(self, key: PrivateKey) -> X509Ca:
        """Raises: what the plugin raises; InvalidArgument if what it signed is of no use."""
        now, policy = self._clock.now(), self._policy()
        if self._upstream is None:
            return self_signed(policy, key, now)
        csr = upstream_request(policy, key)
        minted = await self._upstream.plugin.mint_x509_ca(csr, policy.ca_ttl)
        ca = ca_of(minted, policy, key, now)
        self._roots = frozenset(minted.roots) | (self._roots or frozenset())
        return ca

    async def jwt(self, key: PrivateKey) -> tuple[JwtKey, tuple[JwtAuthority, ...]]:
        """With what the upstream authority told. Raises: what the plugin raises."""
        now = self._clock.now()
        made = JwtKey(new_key_id(), key, now + timedelta(seconds=self._policy().ca_ttl))
        return made, await self._publish(made)

    async def _publish(self, made: JwtKey) -> tuple[JwtAuthority, ...]:
        if self._upstream is None:
            return ()
        try:
            return await self._upstream.plugin.publish_jwt_key(made.authority)
        except Unsupported:
            if not self._warned:
                self._log.warning(NO_JWT, plugin_name=self._upstream.name)
            self._warned = True
            return ()

    async def new_roots(self) -> tuple[bytes, ...]:
        """Of the upstream authority, since it was last asked: DER. The first time there are none.

        A root that was taken out of the bundle by hand does not come back for standing upstream still.
        """
        if self._upstream is None:
            return ()
        try:
            told = await self._upstream.plugin.x509_roots()
        except FinialError as why:
            if why.message != self._unreadable:  # once, not at each look
                self._log.warning("Roots of the upstream authority cannot be read", error=why)
            self._unreadable = why.message
            return ()
        self._unreadable = ""
        known = self._roots if self._roots is not None else frozenset(told)
        self._roots = known | frozenset(told)
        return tuple(one for one in told if one not in known)
