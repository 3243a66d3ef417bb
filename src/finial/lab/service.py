"""`python -m finial.lab.service NAME --channel FD --lifeline FD`: one demo service, started and vouched for by the launcher.

It gets its SVID from the agent's socket, serves its routes over mTLS and calls its peers every two seconds.
Its status goes up the channel at each change of its SVID and after each round. It ends when the channel
does: a service that nobody watches serves nobody.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import asdict

import uvicorn

from finial.client import asgi, authorize
from finial.client.workload import WorkloadApi
from finial.client.x509_source import X509Source
from finial.errors import FinialError
from finial.lab import vouched
from finial.lab.channel import Channel, Record
from finial.lab.ports import HOST
from finial.lab.rounds import Rounds
from finial.lab.routes import application
from finial.lab.topology import LAB, Service
from finial.runtime.clock import Clock, SystemClock
from finial.runtime.log import Logger, Output
from finial.runtime.tasks import Tasks, until_first

PAUSE = 2.0


def status_of(source: X509Source, rounds: Rounds, rotations: int) -> Record:
    """What `finial status` shows of a service."""
    svid = source.identity.svid
    return {
        "id": str(svid.id),
        "serial": f"{svid.serial_number:x}",
        "not_after": svid.not_after.isoformat(),
        "rotations": rotations,
        "calls": asdict(rounds.tally),
    }


class DemoService:
    """Runs until the launcher is gone or uvicorn ends."""

    def __init__(self, service: Service, channel: Channel, told: Record, clock: Clock, log: Logger) -> None:
        self._service, self._channel, self._told, self._clock, self._log = service, channel, told, clock, log
        self._rotations = 0
        self._serial = 0

    async def run(self) -> None:
        name = self._service.name
        async with WorkloadApi(self._told["endpoint"]) as api, X509Source(api, hint=name) as source:
            self._serial = source.identity.svid.serial_number
            self._log.info("Identity received", spiffe_id=str(source.id))
            rounds = Rounds(LAB, name, self._told["ports"], source)
            server = self._server(source)
            try:
                async with Tasks() as tasks:
                    talking = tasks.start(self._talk(server, source, rounds), name="talk")
                    talking.add_done_callback(lambda _: setattr(server, "should_exit", True))
                    await server.serve()  # ends in order; cancelled, uvicorn would leave its socket open
            finally:
                await rounds.close()

    def _server(self, source: X509Source) -> uvicorn.Server:
        config = asgi.config(
            application(LAB, self._service),
            source,
            authorize.member_of(LAB.trust_domain),
            host=HOST,
            port=self._told["ports"][self._service.name],
            log_level="warning",
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
        return uvicorn.Server(config)

    async def _talk(self, server: uvicorn.Server, source: X509Source, rounds: Rounds) -> None:
        while not server.started:
            await self._clock.sleep(0.01)
        await self._channel.send({"serving": self._told["ports"][self._service.name]})
        if await self._channel.receive() is None:  # "call": everybody serves
            return
        await until_first(self._gone(), self._follow(source, rounds), self._rounds(source, rounds))

    async def _gone(self) -> None:
        async for _ in self._channel:
            pass

    async def _follow(self, source: X509Source, rounds: Rounds) -> None:
        while True:
            await source.wait_changed()
            svid = source.identity.svid
            if svid.serial_number != self._serial:
                self._serial = svid.serial_number
                self._rotations += 1
                self._log.info("Identity rotated", not_after=svid.not_after, rotations=self._rotations)

    async def _rounds(self, source: X509Source, rounds: Rounds) -> None:
        while True:
            await rounds.once()
            await self._channel.send({"status": status_of(source, rounds, self._rotations)})
            await self._clock.sleep(PAUSE)


async def serve(name: str, number: int, lifeline: int) -> int:
    clock = SystemClock()
    log = Logger(Output.open("", now=clock.now)).with_fields(service=name)
    try:
        service = LAB.service(name)
        async with await Channel.inherited(number) as channel:
            told = await vouched.begin(channel, lifeline)
            await DemoService(service, channel, told, clock, log).run()
    except FinialError as why:
        log.error("Service ended", error=why)
        return 1
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    parser = vouched.parser("finial.lab.service", "A demo service of the lab.")
    parser.add_argument("name")
    given = parser.parse_args(arguments)
    return asyncio.run(serve(given.name, given.channel, given.lifeline))


if __name__ == "__main__":
    sys.exit(main())
