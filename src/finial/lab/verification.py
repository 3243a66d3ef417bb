"""The launcher's side of `finial verify`: starts the verifier, vouches for it, passes its results on."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from finial.lab import checks
from finial.lab.channel import Record
from finial.lab.topology import VERIFIER

if TYPE_CHECKING:
    from finial.lab.domain import Domain


class Verification:
    def __init__(self, domain: Domain) -> None:
        self._domain = domain

    async def run(self) -> AsyncGenerator[Record, None]:
        """One record a check; the verifier has ended when this does. Raises: what kept it from starting."""
        domain = self._domain
        child, channel = await domain.members.vouched(VERIFIER, ("finial.lab.verifier",), domain.agent.up)
        try:
            while "done" not in (record := await domain.members.expect_any(child, channel)):
                yield record
        finally:
            domain.handing.forget(child)
            await channel.close()
            await child.end()
        for name, status in sorted(domain.statuses.items()):
            yield checks.of_calls(name, status["calls"]).record()
