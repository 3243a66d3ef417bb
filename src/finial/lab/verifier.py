"""`python -m finial.lab.verifier --channel FD --lifeline FD`: the process that `finial verify` has started and vouched for.

With an identity of its own it fetches, calls and is denied; then it tries everything that must not work.
Each result goes up the channel as a record (`checks.py`); the last record is {"done": true}.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import httpx

from finial.client import authorize
from finial.client.httpx import client
from finial.client.tls import HTTP
from finial.client.workload import WorkloadApi
from finial.client.x509_source import X509Source
from finial.errors import FinialError
from finial.lab import vouched
from finial.lab.channel import Channel, Record
from finial.lab.checks import REFUSED, Check, unvouched
from finial.lab.forgery import forge
from finial.lab.outcome import outcome_of
from finial.lab.ports import HOST
from finial.lab.topology import LAB, VERIFIER, Service
from finial.runtime.clock import Clock, SystemClock
from finial.runtime.tls import FollowingContext, Material
from finial.spiffe.id import SpiffeId
from finial.spiffe.trust_domain import TrustDomain

TIMEOUT = 5.0
AUDIENCE = "finial-verify"
OTHER_DOMAIN = TrustDomain.parse("other.example")


class Verifier:
    """All checks, in the order of the table."""

    def __init__(self, told: Record, api: WorkloadApi, source: X509Source, clock: Clock) -> None:
        self._told, self._api, self._source, self._clock = told, api, source, clock
        self._services: tuple[Service, ...] = LAB.services

    async def checks(self) -> AsyncIterator[Check]:
        own = LAB.id_of(VERIFIER)
        yield Check("X.509-SVID", str(own), str(self._source.id))
        yield Check("JWT-SVID, checked by the agent", str(own), await self._jwt())
        any_service = authorize.one_of(*(LAB.id_of(one.name) for one in self._services))
        async with client(self._source, any_service, timeout=TIMEOUT) as http:
            for one in self._services:
                yield Check(f"{one.name}/health", "200", await self._get(http, one, "/health"))
            for one in self._services:
                what = f"{one.name}{one.route} with the wrong ID"
                yield Check(what, "403", await self._get(http, one, one.route))
        yield await self._wrong_server()
        forged = SpiffeId.of(OTHER_DOMAIN, "/ns/production/sa/user-service")
        yield await self._with_forged("certificate of another trust domain", forged)
        yield await self._with_forged("forged certificate, right ID", LAB.id_of("user-service"))
        yield await self._without_certificate()
        yield unvouched("a child of a vouched process", await self._child(), LAB)

    async def _jwt(self) -> str:
        try:
            token = (await self._api.fetch_jwt(AUDIENCE, LAB.id_of(VERIFIER)))[0].token
            return str((await self._api.validate_jwt(token, AUDIENCE)).id)
        except FinialError as why:
            return why.message

    async def _wrong_server(self) -> Check:
        """The client expects payment-api and reaches inventory-service."""
        wrong, right = LAB.service("inventory-service"), LAB.id_of("payment-api")
        async with client(self._source, authorize.one_of(right), timeout=TIMEOUT) as http:
            seen = await self._get(http, wrong, "/health")
        return Check("a server with the wrong ID", f"{REFUSED}: ", seen)

    async def _with_forged(self, what: str, wanted: SpiffeId) -> Check:
        made = forge(wanted, self._clock.now())
        return Check(what, REFUSED, await self._as(Material(self._roots(), made.chain, made.key, HTTP)))

    async def _without_certificate(self) -> Check:
        return Check("no certificate", REFUSED, await self._as(Material(self._roots(), alpn=HTTP)))

    async def _as(self, material: Material) -> str:
        """A call to the first service that trusts it, and shows `material`."""
        async with bare_client(material) as http:
            return await self._get(http, self._services[0], "/health")

    def _roots(self) -> dict[str, tuple[bytes, ...]]:
        return {LAB.trust_domain.name: self._source.bundles.bundles[LAB.trust_domain].x509_roots}

    async def _get(self, http: httpx.AsyncClient, service: Service, route: str) -> str:
        """The status, or "refused" with the reason."""
        try:
            answer = await http.get(f"https://{HOST}:{self._told['ports'][service.name]}{route}")
        except (
            httpx.TransportError,
            OSError,
        ) as why:  # httpx lets errors of a later read through as they are
            return outcome_of(why)
        reason = answer.json().get("error", "") if answer.status_code != 200 else ""
        return f"{answer.status_code} {reason}".rstrip()

    async def _child(self) -> str:
        command = (sys.executable, "-m", "finial.lab.stranger", self._told["endpoint"])
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=30)
        return done.stdout.strip() or done.stderr.strip()


@asynccontextmanager
async def bare_client(material: Material) -> AsyncIterator[httpx.AsyncClient]:
    """A client that trusts servers of the material's bundles and shows its chain, be it what it may."""
    context = FollowingContext(material, authorize.any_id(), server_side=False)
    async with httpx.AsyncClient(verify=context, trust_env=False, timeout=TIMEOUT) as http:
        yield http


async def run(number: int, lifeline: int) -> int:
    async with await Channel.inherited(number) as channel:
        told = await vouched.begin(channel, lifeline)
        try:
            async with (
                WorkloadApi(told["endpoint"]) as api,
                X509Source(api, hint=VERIFIER, timeout=10.0) as source,
            ):
                async for check in Verifier(told, api, source, SystemClock()).checks():
                    await channel.send(check.record())
        except FinialError as why:
            await channel.send(Check("X.509-SVID", str(LAB.id_of(VERIFIER)), why.message).record())
        await channel.send({"done": True})
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    parser = vouched.parser("finial.lab.verifier", "Checks the lab from within.")
    given = parser.parse_args(arguments)
    return asyncio.run(run(given.channel, given.lifeline))


if __name__ == "__main__":
    sys.exit(main())
