"""CredentialComposer "uniqueid": the subject of a workload's X509-SVID ends in an x500UniqueIdentifier.

It is a hash of the SPIFFE ID, so that no two workloads share a subject; SPIRE 1.4.2 to 1.8 wrote it always,
SPIRE 1.9 and later where this plugin is configured. Servers and agents get none.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from finial.plugin.kinds import CredentialComposer, X509SvidAttributes
from finial.spiffe.id import SpiffeId

OID = "2.5.4.45"


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Takes no options."""


class UniqueId(CredentialComposer):
    """Implements `plugin.kinds.CredentialComposer`. One that is there already is replaced in its place."""

    def workload_x509_svid(
        self, spiffe_id: SpiffeId, public_key: bytes, attributes: X509SvidAttributes
    ) -> X509SvidAttributes:
        ours = (OID, unique_id(spiffe_id))
        before = list(attributes.subject.more)
        at = next((index for index, (oid, _) in enumerate(before) if oid == OID), len(before))
        more = (*before[:at], ours, *before[at + 1 :])
        return replace(attributes, subject=replace(attributes.subject, more=more))


def unique_id(spiffe_id: SpiffeId) -> str:
    """32 hex digits: the first half of SHA-256 of the ID."""
    return hashlib.sha256(str(spiffe_id).encode()).hexdigest()[:32]
