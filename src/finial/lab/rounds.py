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
from finial.lab.ports import HOST
from finial.lab.topology import Call, Topology

TIMEOUT = 5.0
IMPOSTOR = "impostor"


@dataclass(slots=True)
class Tally:
    """`ok` answered as they should be, `denied` denied as they should be, `failed` anything else."""

    ok: int = 0
    denied: int = 0
    failed: int = 0
    last: dict[str, str] = field(default_factory=dict)  # "payment-api /charges" -> what was seen last

    def note(self, what: str, seen: str, *, denied: bool, as_wanted: bool) -> None:
        self.last[what] = seen
        if not as_wanted:
            self.failed += 1
        elif denied:
            self.denied += 1
        else:
            self.ok += 1


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
            self.tally.note(what, _text(why), denied=call.denied, as_wanted=False)
            return
        wanted = 403 if call.denied else 200
        self.tally.note(what, str(status), denied=call.denied, as_wanted=status == wanted)

    async def _expect_another(self, call: Call) -> None:
        """Whatever answers, its ID is not the one that is expected: the handshake must not end well."""
        try:
            status = (await self._impostor.get(self._url(call))).status_code
        except httpx.ConnectError as why:
            refused = "unexpected ID" in str(why)
            self.tally.note(IMPOSTOR, _text(why), denied=True, as_wanted=refused)
        except (httpx.HTTPError, OSError) as why:
            self.tally.note(IMPOSTOR, _text(why), denied=True, as_wanted=False)
        else:
            self.tally.note(IMPOSTOR, str(status), denied=True, as_wanted=False)

    def _url(self, call: Call) -> str:
        return f"https://{HOST}:{self._ports[call.service]}{call.route}"

    async def close(self) -> None:
        for one in (*self._clients.values(), self._impostor):
            await one.aclose()


def _text(error: Exception) -> str:
    return str(error) or type(error).__name__
