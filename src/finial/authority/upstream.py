"""What changes where an authority above the server signs its CAs. Pure.

Then the roots of the bundle are the upstream's: a CA of ours is trusted as far as a root vouches for it, and
what operators taint and revoke is an upstream root, named by the authority key identifier of the CA below it.
SPIRE 1.15 `pkg/server/ca/validation.go` and `api/localauthority`, whose words these are.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from finial.authority.ca import X509Ca, from_upstream, public_bytes
from finial.authority.issue import Issuer
from finial.authority.journal import X509CaRecord
from finial.authority.policy import Policy
from finial.authority.slots import Slots
from finial.errors import FailedPrecondition, FinialError, InvalidArgument
from finial.plugin.kinds import MintedCa, PrivateKey
from finial.spiffe.bundle import Bundle, BundleSet, X509Authority
from finial.svid.certificate import read
from finial.svid.verify import PathSearch, verify_x509


def ca_of(minted: MintedCa, policy: Policy, key: PrivateKey, now: datetime) -> X509Ca:
    """The CA, proved by an SVID that it signs and a root vouches for. Raises: InvalidArgument."""
    try:
        ca = from_upstream(policy, key, minted.chain, minted.roots, now)
        _prove(ca, policy, now)
    except FinialError as why:
        raise InvalidArgument(f"X509 CA minted by upstream authority is invalid: {why.message}") from why
    return ca


def _prove(ca: X509Ca, policy: Policy, now: datetime) -> None:
    svid = Issuer(ca, policy).sign(policy.server(public_bytes(ca.private_key)), now)
    roots = tuple(X509Authority(der) for der in ca.roots)
    try:
        verify_x509(svid.chain, BundleSet.of(Bundle(policy.trust_domain, roots)), now)
    except FinialError as why:
        raise why.within("X509 CA produced an invalid X509-SVID chain") from why


def is_vouched_for(record: X509CaRecord, roots: Iterable[bytes], now: datetime) -> bool:
    """Whether a root (DER), or the CA as one itself, is at the end of its chain."""
    anchors = tuple(roots)
    if record.certificate in anchors:
        return True
    chain = [read(der) for der in record.upstream_chain]
    search = PathSearch(chain, [read(der) for der in anchors], now, spiffe=False)
    return next(search.paths((read(record.certificate),)), None) is not None


def check_upstream_id(slots: Slots[X509CaRecord], subject_key_id: str) -> None:
    """Only what signed the old CA alone may be tainted or revoked. Raises: InvalidArgument, in SPIRE's words."""
    if not subject_key_id:
        raise InvalidArgument("no subject key ID provided")
    if slots.current is not None and subject_key_id == slots.current.upstream_authority_id:
        raise InvalidArgument("unable to use upstream authority singing current authority")
    if slots.next is None or subject_key_id != slots.next.upstream_authority_id:
        raise InvalidArgument("upstream authority didn't sign the old local authority")
    if slots.prepared is not None:
        raise InvalidArgument("only upstream authorities signing an old authority can be used")


def require_upstream(has_upstream: bool) -> None:
    """Raises: FailedPrecondition."""
    if not has_upstream:
        raise FailedPrecondition("upstream authority is not configured")


def require_no_upstream(has_upstream: bool, verb: str) -> None:
    """Roots of an upstream authority are tainted and revoked as such. Raises: FailedPrecondition."""
    if has_upstream:
        raise FailedPrecondition(f"local authority can't be {verb} if there is an upstream authority")
