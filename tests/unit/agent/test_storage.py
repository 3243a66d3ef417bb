"""agent-data.json, in SPIRE's form."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path

import pytest

from finial.agent.storage import AgentData, Storage, decode, encode
from finial.errors import Internal
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


@pytest.mark.parametrize(
    "text",
    [
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
