"""The server's own SVID, and the TLS context that shows it: new at half of its life, trust as the bundle is.

SPIRE 1.15 `pkg/server/svid/rotator.go`: the key lives in memory and is made anew each time.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Collection

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from finial.authority.ca import public_bytes
from finial.errors import FinialError, Internal, PermissionDenied
from finial.plugin.kinds import KeyType, PrivateKey
from finial.runtime.clock import Clock
from finial.runtime.log import Logger
from finial.runtime.metrics import Identity, Metrics, ReaderContext
from finial.runtime.tls import FollowingContext, Material
from finial.server.audit import AuthorityAudit
from finial.server.follow import Applied, Follower
from finial.server.sign import Signer
from finial.spiffe.bundle import Bundle, BundleSet
from finial.spiffe.id import SpiffeId
from finial.svid.certificate import read
from finial.svid.verify import verify_x509
from finial.svid.x509 import X509Svid, private_key_to_pkcs8

INTERVAL = 5.0  # seconds between looks at the SVID
CURVES: dict[KeyType, type[ec.EllipticCurve]] = {KeyType.EC_P256: ec.SECP256R1, KeyType.EC_P384: ec.SECP384R1}
RSA_SIZES = {KeyType.RSA_2048: 2048, KeyType.RSA_4096: 4096}


class ServerIdentity:
    """`context` is given to the listener once it `begin`s; members of the trust domain and `admin_ids` may connect."""

    def __init__(
        self,
        signer: Signer,
        follower: Follower,
        clock: Clock,
        log: Logger,
        metrics: Metrics,
        admin_ids: Collection[SpiffeId] = (),
        audit: AuthorityAudit | None = None,
    ) -> None:
        self._audit = audit or AuthorityAudit(None)
        self._signer, self._follower, self._clock = signer, follower, clock
        self._log = log.subsystem("svid_rotator")
        self._rotations = metrics.calls("svid.rotate")
        self._trust_domain = signer.policy.trust_domain
        self._admin_ids = frozenset(admin_ids)
        self._svid: X509Svid | None = None
        self._key = b""
        self._context: FollowingContext | None = None
        self._told: list[ReaderContext] = []

    @property
    def context(self) -> FollowingContext:
        if self._context is None:
            raise Internal("the server has no SVID yet")
        return self._context

    @property
    def svid(self) -> X509Svid:
        if self._svid is None:
            raise Internal("the server has no SVID yet")
        return self._svid

    async def begin(self) -> None:
        """Makes the SVID and the context. The bundle must be in the index."""
        await self.renew()
        self._context = FollowingContext(
            self._material(), self._authorize, server_side=True, client_auth=ssl.CERT_OPTIONAL
        )
        self._follower.subscribe(self._bundles_changed)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._clock.sleep(INTERVAL)
            try:
                await self.renew_if_due()
            except FinialError as why:
                self._log.error("Could not rotate server SVID", error=why)

    async def renew_if_due(self) -> None:
        """At half of its life, when its authority is tainted, or where the clock was set back to before it begins.

        Raises: as `renew`.
        """
        if self._due():
            await self.renew()
            self._changed()

    def _due(self) -> bool:
        half = self.svid.not_before + (self.svid.not_after - self.svid.not_before) / 2
        if not self.svid.not_before <= self._clock.now() < half:
            return True
        if self._signed_by_tainted():
            self._log.info(
                "Server SVID signed using a tainted authority, forcing rotation of the Server SVID"
            )
            return True
        return False

    def _signed_by_tainted(self) -> bool:
        """Whether a tainted root vouches for it, and not for what signs now: else a new one would be no better."""
        bundle = self._follower.view.bundles.get(self._trust_domain)
        tainted = tuple(one for one in bundle.x509_authorities if one.tainted) if bundle else ()
        if (
            not tainted
            or read(self.svid.chain[0]).authority_key_id == self._signer.issuer.ca.read.subject_key_id
        ):
            return False
        try:
            verify_x509(self.svid.chain, BundleSet.of(Bundle(self._trust_domain, tainted)), self._clock.now())
        except FinialError:
            return False
        return True

    async def renew(self) -> None:
        """Raises: what signing raises; the old SVID stays then."""
        self._log.debug("Rotating server SVID")
        with self._rotations.measured():
            key = await asyncio.to_thread(generate, self._signer.policy.ca_key_type)
            svid = await self._signer.x509(lambda policy: policy.server(public_bytes(key)))
        self._svid, self._key = svid, private_key_to_pkcs8(key)
        self._audit.own_svid(svid)
        self._log.debug("Signed X509 SVID", expiration=svid.not_after, spiffe_id=str(svid.id))

    def _material(self) -> Material:
        domains = [self._trust_domain, *sorted({one.trust_domain for one in self._admin_ids})]
        known = self._follower.view.bundles
        bundles = {one.name: known[one].x509_roots for one in dict.fromkeys(domains) if one in known}
        return Material(bundles, self.svid.chain, self._key)

    def _authorize(self, peer: SpiffeId) -> None:
        """In the handshake. Raises: PermissionDenied."""
        if not (peer.member_of(self._trust_domain) or peer in self._admin_ids):
            raise PermissionDenied(f'"{peer}" is not a member of trust domain "{self._trust_domain}"')

    def _bundles_changed(self, applied: Applied) -> None:
        if applied.bundles and self._context is not None:
            self._changed()

    def tell(self, readers: ReaderContext) -> None:
        """Now, and whenever the identity or a bundle changes."""
        self._told.append(readers)
        self._tell(readers)

    def _changed(self) -> None:
        self.context.set(self._material())
        for readers in self._told:
            self._tell(readers)

    def _tell(self, readers: ReaderContext) -> None:
        bundles = {domain.name: bundle.x509_roots for domain, bundle in self._follower.view.bundles.items()}
        readers.follow(bundles, Identity(self.svid.chain, self._key))


def generate(key_type: KeyType) -> PrivateKey:
    """A key that lives in memory only; on a thread, RSA takes seconds."""
    if key_type in RSA_SIZES:
        return rsa.generate_private_key(65537, RSA_SIZES[key_type])
    return ec.generate_private_key(CURVES[key_type]())
