"""What the server says, put in force: entries and bundles into the holdings, trust into the connection.

One place for both ways in, poll and watch. A poll that was overtaken by a pushed change is thrown away:
what it read may be older.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from finial.agent.connection import ServerConnection
from finial.agent.counted import CountedIntake
from finial.agent.sign import Signer
from finial.agent.svids import Holdings
from finial.registry.entry import Entry
from finial.runtime.clock import Clock
from finial.runtime.log import Logger
from finial.runtime.metrics import Metrics
from finial.spiffe.bundle import Bundle
from finial.spiffe.trust_domain import TrustDomain
from finial.svid.certificate import read

OnBundle = Callable[[Bundle, bool], None]  # the own bundle changed; True: one of its roots is newly tainted


class Intake:
    """`on_bundle` is called after each change of the own bundle."""

    def __init__(
        self,
        holdings: Holdings,
        connection: ServerConnection,
        signer: Signer,
        on_bundle: OnBundle,
        clock: Clock,
        log: Logger,
        metrics: Metrics,
    ) -> None:
        self._counted = CountedIntake(metrics)
        self.holdings = holdings
        self._connection = connection
        self._signer = signer
        self._on_bundle = on_bundle
        self._clock = clock
        self._log = log
        self.generation = 0  # raised by each pushed change

    def replace(self, entries: Iterable[Entry], bundles: Iterable[Bundle], generation: int) -> bool:
        """The whole state. False: it was overtaken since `generation`, and is left out."""
        if generation != self.generation:
            return False
        self._set_bundles({one.trust_domain: one for one in bundles})
        self._counted.entries(self.holdings.set_entries(entries))
        self._signer.wake()
        return True

    def change(
        self,
        entries: Iterable[Entry],
        withdrawn: Iterable[str],
        bundles: Iterable[Bundle] = (),
        withdrawn_bundles: Iterable[TrustDomain] = (),
    ) -> None:
        """One pushed change, as a whole."""
        self.generation += 1
        self._counted.pushed.add()
        gone = set(withdrawn_bundles)
        known = {name: one for name, one in self.holdings.bundles.bundles.items() if name not in gone}
        changed = known | {one.trust_domain: one for one in bundles}
        if changed != self.holdings.bundles.bundles:
            self._set_bundles(changed)
        self._counted.entries(self.holdings.change_entries(entries, withdrawn))
        self._signer.wake()

    def _set_bundles(self, bundles: dict[TrustDomain, Bundle]) -> None:
        before = self.holdings.bundle
        begun = self._clock.monotonic()
        self.holdings.set_bundles(bundles.values(), self._clock.now())
        took = self._clock.monotonic() - begun
        own = self.holdings.bundle
        if own == before:
            return
        self._log.debug("Bundle updated", trust_domain_id=own.trust_domain.name)
        self._connection.trust(own, self._clock.now())
        fresh = self._report_tainted(before, own, took)
        self._forget_jwts(before, own)
        self._on_bundle(own, fresh)

    def _report_tainted(self, before: Bundle, own: Bundle, took: float) -> bool:
        known = {one.der for one in before.x509_authorities if one.tainted}
        fresh = [one.der for one in own.x509_authorities if one.tainted and one.der not in known]
        if not fresh:
            return False
        self._counted.tainted("x509", len(self.holdings.tainted), took)
        ids = ",".join((read(der).subject_key_id or b"").hex() for der in fresh)
        self._log.debug("New tainted X.509 authorities found", subject_key_ids=ids)
        self._log.info(
            "Scheduled rotation for SVID entries due to tainted X.509 authorities",
            count=len(self.holdings.tainted),
        )
        return True

    def _forget_jwts(self, before: Bundle, own: Bundle) -> None:
        known = {one.key_id for one in before.jwt_authorities if one.tainted}
        fresh = {one.key_id for one in own.jwt_authorities if one.tainted} - known
        if fresh:
            self._log.debug(
                "New tainted JWT authorities found", jwt_authority_key_ids=",".join(sorted(fresh))
            )
        gone = {one.key_id for one in before.jwt_authorities} - {one.key_id for one in own.jwt_authorities}
        if fresh or gone:
            begun = self._clock.monotonic()
            count = self._signer.forget_jwts_of(fresh | gone)
            self._counted.tainted("jwt", count, self._clock.monotonic() - begun)
