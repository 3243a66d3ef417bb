"""Credentials of a real server, field by field, against what a stock server 1.15.3 wrote with the same options."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from finial.runtime.clock import SystemClock
from finial.svid import csr
from finial.testing.credentials import Below, Case, Target, observe
from finial.testing.server import Running, server

VECTORS = Path(__file__).parents[1] / "vectors" / "credential"
CASES = sorted(path.stem for path in VECTORS.glob("*.txt"))


def below(running: Running) -> Below:
    """The API for downstream servers is not served: its signer is asked."""

    async def sign(request: bytes) -> bytes:
        signer = running.server.signer
        checked = signer.policy.downstream_ca(csr.parse(request))
        return signer.issuer.sign_downstream(checked, SystemClock().now())[0]

    return sign


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_credentials_are_as_a_stock_server_writes_them(name: str, tmp_path: Path) -> None:
    case = Case.read(VECTORS / f"{name}.txt")

    async def scene() -> dict[str, str]:
        async with server(tmp_path, case.options, plugins=case.plugins) as running:
            return await observe(
                Target(running.server.socket_path, running.server.port), case, below(running)
            )

    found = asyncio.run(scene())
    assert case.sections
    assert {section: found[section] for section in case.sections} == case.sections
