"""A server that is away for longer than SVIDs live: what workloads are told meanwhile, and how it ends."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from finial.client import WorkloadApi
from finial.errors import FinialError, Unavailable
from finial.svid.x509 import X509Svid
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
    async with Domain(tmp_path, server_options=OPTIONS) as domain:
        await domain.register("web", f"unix:uid:{os.getuid()}")
        last = await fetched(domain)
        assert is_good(last)
        agent = domain.agent.popen.pid
        await domain.kill_server()

        async def has_expired() -> bool:
            nonlocal last
            last = await fetched(domain)
            return not is_good(last)

        await eventually(has_expired, within=30)
        # The call is answered; the time in the certificate tells whoever verifies it the rest.
        assert (await fetched(domain)).chain == last.chain
        async with WorkloadApi(domain.endpoint) as api:
            with pytest.raises(Unavailable, match="could not fetch JWT-SVID: failed to fetch JWT SVID: "):
                await api.fetch_jwt("anyone")

        await domain.start_server()

        async def has_good_svid() -> bool:
            return is_good(await fetched(domain))

        async def has_token() -> bool:
            try:
                async with WorkloadApi(domain.endpoint) as api:
                    return bool(await api.fetch_jwt("anyone"))
            except FinialError:
                return False

        await eventually(has_good_svid, within=60)
        await eventually(has_token, within=30)
        assert (domain.agent.popen.pid, domain.agent.popen.poll()) == (agent, None)
        assert "SVID sync failed" in domain.agent_log
        assert "Traceback" not in domain.agent_log


def test_a_workload_keeps_what_it_had_and_gets_a_new_one_without_a_restart(tmp_path: Path) -> None:
    asyncio.run(while_the_server_is_away(tmp_path))
