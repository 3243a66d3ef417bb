"""A server that is away for longer than SVIDs live: what workloads are told meanwhile, and how it ends."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from finial.client import WorkloadApi
from finial.errors import FinialError, Unavailable
from finial.svid.x509 import X509Svid
from finial.testing.configs import HOST
from finial.testing.domain import Domain

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
OPTIONS = ('default_x509_svid_ttl = "8s"', 'default_jwt_svid_ttl = "8s"', 'agent_ttl = "1h"')


async def fetched(domain: Domain) -> X509Svid:
    async with WorkloadApi(domain.endpoint) as api:
        return (await api.fetch_x509()).default.svid


def is_good(svid: X509Svid) -> bool:
    return svid.not_before <= datetime.now(UTC) < svid.not_after


async def eventually(condition: Callable[[], Awaitable[bool]], within: float) -> None:
    async with asyncio.timeout(within):
        while not await condition():  # noqa: ASYNC110 - an expiry sends no event
            await asyncio.sleep(0.1)


async def while_the_server_is_away(tmp_path: Path) -> None:
    async with (
        Domain(tmp_path, server_options=OPTIONS) as domain,
        WorkloadApi(domain.endpoint) as api,
        aclosing(api.watch_x509()) as all_along,
    ):
        await domain.register("web", f"unix:uid:{os.getuid()}")
        assert is_good((await anext(all_along)).default.svid)
        agent = domain.agent.popen.pid
        await domain.kill_server()
        told = ""

        async def is_refused() -> bool:
            nonlocal told
            try:
                await fetched(domain)
            except Unavailable as why:
                told = why.message
            return bool(told)

        await eventually(is_refused, within=30)
        assert re.match(
            r"X\.509-SVID expired at 20\S+Z and could not be renewed: rpc error: code = Unavailable ", told
        )
        assert f'connect to "{HOST}:{domain.port}"' in told
        with pytest.raises(Unavailable, match="could not fetch JWT-SVID: failed to fetch JWT SVID: "):
            await api.fetch_jwt("anyone")

        await domain.start_server()

        async def has_token() -> bool:
            try:
                return bool(await api.fetch_jwt("anyone"))
            except FinialError:
                return False

        async with asyncio.timeout(60):
            while not is_good((await anext(all_along)).default.svid):  # what came before the server went away
                pass
        assert is_good(await fetched(domain))
        await eventually(has_token, within=30)
        assert (domain.agent.popen.pid, domain.agent.popen.poll()) == (agent, None)
        assert "SVID sync failed" in domain.agent_log
        assert "No valid X.509 SVID" in domain.agent_log
        assert "Traceback" not in domain.agent_log


def test_who_asks_anew_is_told_why_there_is_no_svid_and_who_asked_before_gets_a_new_one(
    tmp_path: Path,
) -> None:
    asyncio.run(while_the_server_is_away(tmp_path))
