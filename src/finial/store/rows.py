"""Rows of SPIRE's tables -> our frozen values. Pure.

NULL is read as the zero value everywhere: rows older than a migration have it in the columns that were added.
A name in a row that is not canonical is Internal, whoever wrote it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Generic, NamedTuple, TypeVar

from finial.errors import Internal, InvalidArgument
from finial.registry.agent import Agent
from finial.registry.entry import Entry
from finial.spiffe.id import SpiffeId
from finial.spiffe.path import PATH
from finial.spiffe.selector import Selector
from finial.spiffe.trust_domain import MAX_ID_LENGTH, TrustDomain
from finial.store import timestamp
from finial.store.engine import Row
from finial.wire.convert.stored import attributes_from_stored

T = TypeVar("T")
ENTRY_COLUMNS = (
    "id, entry_id, spiffe_id, parent_id, ttl, jwt_svid_ttl, hint, admin, downstream, store_svid, expiry,"
    " revision_number, created_at, additional_attributes"
)
AGENT_COLUMNS = (
    "spiffe_id, data_type, serial_number, expires_at, new_serial_number, new_expires_at, can_reattest,"
    " agent_version"
)
# The language of SpiffeId.parse in one match, four times as fast: a start reads hundreds of thousands.
CANONICAL_ID = re.compile(rf"spiffe://([a-z0-9._-]{{1,255}})({PATH})\Z")


class Stored(NamedTuple, Generic[T]):
    """A value with the id of its row: ids never come again, and are the order of lists and the tokens of
    their pages, for every server on the database."""

    row: int
    value: T


class Reading:
    """Values met while rows are read, each made once: parents, selectors and times repeat a lot."""

    def __init__(self) -> None:
        self._selectors: dict[tuple[str, str], Selector] = {}
        self._parents: dict[str, SpiffeId] = {}
        self._trust_domains: dict[str, TrustDomain] = {}
        self._times: dict[str, int] = {}
        self._births: dict[str, int] = {}

    def spiffe_id(self, text: str) -> SpiffeId:
        match = CANONICAL_ID.match(text)
        if match is None or len(text) > MAX_ID_LENGTH:
            return _refused(text)
        name, path = match.groups()
        return SpiffeId(self._trust_domains.get(name) or self.trust_domain(name), path)

    def parent(self, text: str) -> SpiffeId:
        known = self._parents.get(text)
        if known is None:
            known = self._parents[text] = self.spiffe_id(text)
        return known

    def selector(self, kind: str, value: str) -> Selector:
        known = self._selectors.get((kind, value))
        if known is None:
            known = self._selectors[kind, value] = Selector(kind, value)
        return known

    def trust_domain(self, text: str) -> TrustDomain:
        """By name or by `spiffe://name`."""
        known = self._trust_domains.get(text)
        if known is None:
            try:
                known = self._trust_domains[text] = TrustDomain.parse(text)
            except InvalidArgument as error:
                raise Internal(f'datastore-sql: stored trust domain "{text}": {error}') from error
        return known

    def time(self, text: str | None) -> int:
        if text is None:
            return 0
        known = self._times.get(text)
        if known is None:
            known = self._times[text] = timestamp.unix(text)
        return known

    def birth(self, text: str | None) -> int:
        known = self._births.get(text or "")
        if known is None:
            known = self._births[text or ""] = timestamp.nearest_unix(text)
        return known

    def entry(
        self,
        row: Row,
        selectors: Iterable[Selector],
        dns_names: Iterable[str] = (),
        federates_with: Iterable[TrustDomain] = (),
    ) -> Entry:
        """`row` has `ENTRY_COLUMNS`."""
        (_, id_, spiffe_id, parent, ttl, jwt_ttl, hint, admin, downstream, store, expiry, revision, made, blob) = row  # fmt: skip
        no_prefetch, jti = attributes_from_stored(blob) if blob else (False, False)
        return Entry(
            id_ or "",
            self.spiffe_id(spiffe_id or ""),
            self.parent(parent or ""),
            tuple(selectors),
            ttl or 0,
            jwt_ttl or 0,
            tuple(federates_with),
            tuple(dns_names),
            hint or "",
            bool(admin),
            bool(downstream),
            bool(store),
            expiry or 0,
            revision or 0,
            self.birth(made),
            no_prefetch,
            jti,
        )

    def agent(self, row: Row, selectors: Iterable[Selector]) -> Agent:
        """`row` has `AGENT_COLUMNS`."""
        id_, kind, serial, expires, new_serial, new_expires, reattest, version = row
        return Agent(
            self.spiffe_id(id_ or ""),
            kind or "",
            serial or "",
            self.time(expires),
            new_serial or "",
            self.time(new_expires),
            bool(reattest),
            version or "",
            tuple(selectors),
        )


def _refused(text: str) -> SpiffeId:
    try:
        return SpiffeId.parse(text)
    except InvalidArgument as error:
        raise Internal(f'datastore-sql: stored SPIFFE ID "{text}": {error}') from error
