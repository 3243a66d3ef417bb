"""agent-data.json, in SPIRE's form."""

from __future__ import annotations

import asyncio
import base64
import errno
import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from finial.agent.storage import AgentData, Bootstrap, Storage, Use, decode, encode
from finial.errors import Internal
from finial.runtime import fault, private_file
from finial.testing.ca import TestCa


@pytest.fixture(scope="module")
def certificate() -> bytes:
    return TestCa("example.org").der


def test_what_is_stored_is_loaded_by_the_next_process(tmp_path: Path, certificate: bytes) -> None:
    async def scenario() -> None:
        storage = Storage(tmp_path)
        assert await storage.load() == AgentData()
        await storage.store_bundle((certificate,))
        await storage.store_svid((certificate, certificate), reattestable=True)
        expected = AgentData((certificate, certificate), (certificate,), True)
        assert await Storage(tmp_path).load() == storage.data == expected
        await storage.delete_svid()
        assert await Storage(tmp_path).load() == AgentData((), (certificate,))

    asyncio.run(scenario())
    assert (tmp_path / "agent-data.json").stat().st_mode & 0o777 == 0o600


def test_unchanged_data_is_not_written_again(tmp_path: Path, certificate: bytes) -> None:
    async def scenario() -> None:
        storage = Storage(tmp_path)
        await storage.store_bundle((certificate,))
        (tmp_path / "agent-data.json").unlink()
        await storage.store_bundle((certificate,))

    asyncio.run(scenario())
    assert list(tmp_path.iterdir()) == []


def test_the_form_is_that_of_a_stock_agent(certificate: bytes) -> None:
    text = encode(AgentData((certificate,), (), False))
    assert b"\n" not in text
    record = json.loads(text)
    assert list(record) == [
        "svid",
        "bundle",
        "reattestable",
        "bootstrap_use",
        "bootstrap_start_time",
        "connection_attempts",
    ]
    assert base64.b64decode(record["svid"][0]).startswith(b"-----BEGIN CERTIFICATE-----\n")
    assert record["bundle"] is None
    assert decode(text) == AgentData((certificate,), (), False)


# What a stock agent wrote as it ended to start its trust over; Go tells nanoseconds.
RECORDED = (
    b'{"svid":null,"bundle":null,"reattestable":false,"bootstrap_use":2,'
    b'"bootstrap_start_time":"2026-11-25T10:04:02.033119916Z","connection_attempts":0}'
)
# What it wrote after it had attested by join token, without the certificates.
RECORDED_IN_TRUST = (
    b'{"svid":null,"bundle":null,"reattestable":false,"bootstrap_use":2,'
    b'"bootstrap_start_time":"0001-01-01T00:00:00Z","connection_attempts":0}'
)


def test_the_state_of_the_bootstrap_is_that_of_a_stock_agent() -> None:
    data = decode(RECORDED)
    assert (data.bootstrap.use, data.bootstrap.attempts) == (Use.TRUST_ANEW, 0)
    assert data.bootstrap.started_at == datetime(2026, 11, 25, 10, 4, 2, 33119, UTC)
    assert decode(encode(data)) == data
    assert json.loads(encode(data))["bootstrap_start_time"] == "2026-11-25T10:04:02.033119Z"


def test_a_stock_agent_that_has_its_trust_tells_no_time() -> None:
    data = decode(RECORDED_IN_TRUST)
    assert data.bootstrap == Bootstrap(Use.TRUST_ANEW)
    assert json.loads(encode(data)) == json.loads(RECORDED_IN_TRUST)


def test_a_time_of_another_zone_is_the_same_moment() -> None:
    elsewhere = RECORDED.replace(b"10:04:02.033119916Z", b"11:04:02.033119916+01:00")
    assert decode(elsewhere) == decode(RECORDED)


def test_to_start_over_is_one_write(tmp_path: Path, certificate: bytes) -> None:
    passed: list[str] = []

    async def scenario() -> None:
        storage = Storage(tmp_path)
        await storage.store_svid((certificate,), reattestable=True)
        await storage.store_bundle((certificate,))
        with fault.hooked(passed.append):
            await storage.start_over(Bootstrap(Use.TRUST_ANEW))
        assert await Storage(tmp_path).load() == AgentData(bootstrap=Bootstrap(Use.TRUST_ANEW))

    asyncio.run(scenario())
    assert passed == [f"agent-data.json.{stage}" for stage in private_file.STAGES]


@pytest.mark.parametrize("stage", private_file.STAGES)
def test_a_write_that_fails_leaves_the_old_data_or_the_new(
    tmp_path: Path, certificate: bytes, stage: str
) -> None:
    old, new = AgentData((certificate,), (), True), AgentData((certificate,) * 2, (), True)

    def no_room(name: str) -> None:
        if name == f"agent-data.json.{stage}":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    async def scenario() -> None:
        storage = Storage(tmp_path)
        await storage.store_svid(old.svid, reattestable=True)
        with fault.hooked(no_room), pytest.raises(Internal, match="No space left on device"):
            await storage.store_svid(new.svid, reattestable=True)
        left = await Storage(tmp_path).load()
        assert left == (new if stage in ("renamed", "done") else old)
        await storage.store_svid(new.svid, reattestable=True)  # there is room again
        assert await Storage(tmp_path).load() == new

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "text",
    [
        b'{"svid": null, "bundle": null, "bootstrap_use": 7}',
        b'{"svid": null, "bundle": null, "bootstrap_start_time": "yesterday"}',
        b'{"svid": null, "bundle": null, "bootstrap_start_time": "2026-11-24T22:15:07"}',
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"svid": 3, "bundle": null}',
        b'{"svid": ["!"], "bundle": null}',
        b'{"svid": ["YQ=="], "bundle": null}',
        b'{"svid": null, "bundle": null, "reattestable": 1}',
    ],
)
def test_a_damaged_file_is_an_error_and_stays(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "agent-data.json").write_bytes(text)
    with pytest.raises(Internal, match="failed to unmarshal data"):
        asyncio.run(Storage(tmp_path).load())
    assert (tmp_path / "agent-data.json").read_bytes() == text


def test_a_folder_that_is_missing_is_an_error(tmp_path: Path, certificate: bytes) -> None:
    with pytest.raises(Internal, match="failed to write data file"):
        asyncio.run(Storage(tmp_path / "absent").store_bundle((certificate,)))
