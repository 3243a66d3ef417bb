"""A demo service's calls: in each round every other service once, and one impostor.

Most must be answered, some must be denied by the other side (403), and one must never begin: the service
calls a peer while it expects another's SPIFFE ID, and its own handshake refuses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx

from finial.client import authorize
from finial.client.httpx import client
from finial.client.x509_source import X509Source
from finial.lab.outcome import outcome_of, tls_reason
from finial.lab.ports import HOST
from finial.lab.topology import Call, Topology

TIMEOUT = 5.0
IMPOSTOR = "impostor"


@dataclass(slots=True)
class Tally:
    """`ok` answered and `denied` denied, both as they should be; `failed`: the peer was away; `wrong`:
    denied what should be answered, or answered what should be denied."""

    ok: int = 0
    denied: int = 0
    failed: int = 0
    wrong: int = 0
    last: dict[str, str] = field(default_factory=dict)  # "payment-api /charges" -> what was seen last
    edges: dict[str, dict[str, int]] = field(default_factory=dict)  # the same -> counts by outcome

    def note(self, what: str, seen: str, outcome: str) -> None:
        """`outcome` is the name of a counter."""
        self.last[what] = seen
        edge = self.edges.setdefault(what, {})
        edge[outcome] = edge.get(outcome, 0) + 1
        setattr(self, outcome, getattr(self, outcome) + 1)


class Rounds:
    """The clients of one service, one for each peer: pooled, and following the source."""

    def __init__(self, topology: Topology, name: str, ports: Mapping[str, int], source: X509Source) -> None:
        self._topology, self._ports = topology, ports
        self._calls = topology.calls_of(name)
        self.tally = Tally()
        self._clients = {
            call.service: client(source, authorize.one_of(topology.id_of(call.service)), timeout=TIMEOUT)
            for call in self._calls
        }
        self._impostor = client(source, authorize.one_of(topology.id_of(IMPOSTOR)), timeout=TIMEOUT)

    async def once(self) -> None:
        for call in self._calls:
            await self._call(call)
        await self._expect_another(self._calls[0])

    async def _call(self, call: Call) -> None:
        what = f"{call.service} {call.route}"
        try:
            status = (await self._clients[call.service].get(self._url(call))).status_code
        except (httpx.HTTPError, OSError) as why:
            self.tally.note(what, outcome_of(why), "failed" if tls_reason(why) is None else "wrong")
            return
        as_wanted = status == (403 if call.denied else 200)
        self.tally.note(what, str(status), ("denied" if call.denied else "ok") if as_wanted else "wrong")

    async def _expect_another(self, call: Call) -> None:
        """Whatever answers, its ID is not the one that is expected: the handshake must not end well."""
        try:
            status = (await self._impostor.get(self._url(call))).status_code
        except (httpx.HTTPError, OSError) as why:
            self.tally.note(IMPOSTOR, outcome_of(why), "failed" if tls_reason(why) is None else "denied")
        else:
            self.tally.note(IMPOSTOR, str(status), "wrong")

    def _url(self, call: Call) -> str:
        return f"https://{HOST}:{self._ports[call.service]}{call.route}"

    async def close(self) -> None:
        for one in (*self._clients.values(), self._impostor):
            await one.aclose()
