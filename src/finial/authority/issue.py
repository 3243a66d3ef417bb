"""Signing X.509: a checked request in, an X.509-SVID out. Synchronous and thread-safe: for a thread pool.

Nothing outlives its signer. A leaf comes from the DER template and is judged before it leaves: dates and
ID always, the whole chain by our own verifier for the first and then each 50th, and for each that a
composer had a hand in. A failure of that check fails the whole call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from finial.authority.ca import (
    CUSHION,
    X509Ca,
    ca_builder,
    check_ca,
    hash_for,
    new_serial,
    require_begun,
    require_unexpired,
)
from finial.authority.policy import CaRequest, CheckedCa, CheckedX509, Policy, X509Request
from finial.authority.template import LeafTemplate
from finial.errors import FinialError, Internal
from finial.plugin.kinds import X509CaAttributes
from finial.spiffe.bundle import Bundle, BundleSet, X509Authority
from finial.svid.certificate import read
from finial.svid.subject import Subject
from finial.svid.verify import verify_x509
from finial.svid.x509 import X509Svid

VERIFY_EACH = 50
WHAT = "X.509 CA"


class Issuer:
    """Signs with one CA. A rotation makes a new issuer; an old one goes on to sign with its own CA."""

    def __init__(self, ca: X509Ca, policy: Policy) -> None:
        self.ca = ca
        self._policy = policy
        self._certificate = ca.read
        self._not_after = self._certificate.not_after
        self._template = LeafTemplate(ca)
        self._hash = hash_for(ca.private_key)
        self._ecdsa = ec.ECDSA(self._hash)
        self._trust = BundleSet.of(
            Bundle(policy.trust_domain, x509_authorities=(X509Authority(ca.certificate),))
        )
        self._issued = count()

    def sign(self, checked: CheckedX509, now: datetime) -> X509Svid:
        """The SVID with the chain a verifier needs: leaf, then the upstream chain.

        Raises: Internal if the CA has expired or the result is not what it should be; Unavailable if the CA begins
        later.
        """
        self._require_valid(now)
        request = checked.take()
        serial = new_serial()
        not_after = min(now + timedelta(seconds=request.ttl), self._not_after)
        tbs = self._template.tbs(request, serial, now, not_after)
        leaf = self._template.certificate(tbs, self._signature(tbs))
        svid = self._svid(request, leaf, serial, now, not_after)
        if next(self._issued) % VERIFY_EACH == 0 or self._policy.composition:
            self._prove(svid, now)
        return svid

    def sign_workloads(self, checked: Sequence[CheckedX509], now: datetime) -> list[X509Svid]:
        """One SVID for each, in order: a batch that one thread signs."""
        return [self.sign(one, now) for one in checked]

    def sign_downstream(self, checked: CheckedCa, now: datetime) -> tuple[bytes, ...]:
        """A CA for a server below ours: DER chain, the new CA first, then the upstream chain.

        Raises: as `sign`.
        """
        self._require_valid(now)
        request = checked.take()
        not_after = min(now + timedelta(seconds=request.ttl), self._not_after)
        certificate = self._downstream(request, now, not_after)
        try:
            check_ca(read(certificate), self._policy.trust_domain, now)
        except FinialError as why:
            raise Internal(f"issued CA is not valid: {why}") from why
        return (certificate, *self.ca.upstream_chain)

    def _require_valid(self, now: datetime) -> None:
        require_begun(WHAT, self._certificate.not_before, now)
        require_unexpired(WHAT, self._not_after, now)

    def _downstream(self, request: CaRequest, now: datetime, not_after: datetime) -> bytes:
        parent = self._certificate.subject
        depth = max(1, len(self.ca.upstream_chain))
        made = self._policy.composition.server_ca(X509CaAttributes(_downstream_subject(parent, depth)))
        builder = ca_builder(
            self._policy.trust_domain, made, parent, request.public_key, new_serial(), now, not_after,
            self._certificate.subject_key_id,
        )  # fmt: skip
        signed = builder.sign(self.ca.private_key, self._hash)
        return signed.public_bytes(Encoding.DER)

    def _signature(self, tbs: bytes) -> bytes:
        """By Go's algorithm for the key; both release the GIL."""
        key = self.ca.private_key
        if isinstance(key, rsa.RSAPrivateKey):
            return key.sign(tbs, padding.PKCS1v15(), self._hash)
        return key.sign(tbs, self._ecdsa)

    def _svid(
        self, request: X509Request, leaf: bytes, serial: int, now: datetime, not_after: datetime
    ) -> X509Svid:
        """As `svid.x509.parse` would read it, without reading it."""
        not_before = (now - CUSHION).replace(microsecond=0)
        chain = (leaf, *self.ca.upstream_chain)
        return X509Svid(
            request.id, chain, not_before, not_after.replace(microsecond=0), serial, request.public_key
        )

    def _prove(self, svid: X509Svid, now: datetime) -> None:
        try:
            proved = verify_x509(svid.chain, self._trust, now)
        except FinialError as why:
            raise Internal(f"issued X.509-SVID is not valid: {why}") from why
        if proved != svid:
            raise Internal("issued X.509-SVID is not what was asked for")


def _downstream_subject(parent: x509.Name, depth: int) -> Subject:
    """The parent's, marked with how far below the root it stands. SPIRE 1.15."""
    return replace(Subject.of(parent), units=(f"DOWNSTREAM-{depth}",))
