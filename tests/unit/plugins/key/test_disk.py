"""KeyManager "disk": SPIRE's file, whole or not at all, and nobody else's to read."""

from __future__ import annotations

import asyncio
import base64
import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from finial.errors import Internal, InvalidArgument
from finial.plugin.kinds import KeyManager, KeyType, PrivateKey
from finial.plugins.key import disk
from finial.plugins.key.disk import AgentConfig, Config, Disk
from finial.svid.x509 import private_key_to_pkcs8


def manager(path: Path) -> KeyManager:
    return Disk(Config(keys_path=str(path)))


def generate(path: Path, key_id: str, key_type: KeyType = KeyType.EC_P256) -> PrivateKey:
    return asyncio.run(manager(path).generate(key_id, key_type))


def keys(path: Path) -> Mapping[str, PrivateKey]:
    return asyncio.run(manager(path).keys())


def held(path: Path) -> dict[str, bytes]:
    return {key_id: private_key_to_pkcs8(key) for key_id, key in keys(path).items()}


def test_no_file_is_no_keys(tmp_path: Path) -> None:
    assert keys(tmp_path / "keys.json") == {}


def test_keys_survive_the_process(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    wanted = {name: private_key_to_pkcs8(generate(path, name)) for name in ("x509-CA-A", "JWT-Signer-A")}
    assert held(path) == wanted
    replaced = private_key_to_pkcs8(generate(path, "x509-CA-A", KeyType.EC_P384))
    assert held(path) == wanted | {"x509-CA-A": replaced}


def test_form_of_the_file_is_spires(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    key = generate(path, "x509-CA-A")
    text = path.read_text()
    encoded = base64.b64encode(private_key_to_pkcs8(key)).decode()
    assert text.splitlines() == ["{", '\t"keys": {', f'\t\t"x509-CA-A": "{encoded}"', "\t}", "}"]
    assert not text.endswith("\n")
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_compact_file_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    key = rsa.generate_private_key(65537, 1024)
    path.write_text(json.dumps({"keys": {"a": base64.b64encode(private_key_to_pkcs8(key)).decode()}}))
    assert held(path) == {"a": private_key_to_pkcs8(key)}


def test_file_that_others_may_read_is_brought_back_to_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    generate(path, "a")
    path.chmod(0o644)
    assert len(keys(path)) == 1
    assert path.stat().st_mode & 0o777 == 0o600


def ed25519_key() -> str:
    key = ed25519.Ed25519PrivateKey.generate()
    return base64.b64encode(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())).decode()


CORRUPT = {
    "empty": (b"", "unable to decode keys JSON"),
    "not JSON": (b"{", "unable to decode keys JSON"),
    "a list": (b"[]", "unable to decode keys JSON"),
    "no keys": (b"{}", "unable to decode keys JSON"),
    "keys a list": (b'{"keys": []}', "unable to decode keys JSON"),
    "not UTF-8": (b'{"keys": {"\xff": ""}}', "unable to decode keys JSON"),
    "too deep": (b"[" * 100_000, "unable to decode keys JSON"),
    "key a number": (b'{"keys": {"a": 1}}', 'unable to parse key "a"'),
    "not base64": (b'{"keys": {"a": "*"}}', 'unable to parse key "a"'),
    "not PKCS#8": (b'{"keys": {"a": "AAAA"}}', 'unable to parse key "a"'),
    "other type": (b'{"keys": {"a": "%s"}}' % ed25519_key().encode(), 'unable to make entry "a"'),
}


@pytest.mark.parametrize("fault", CORRUPT)
def test_corrupt_file_is_an_error_and_stays(tmp_path: Path, fault: str) -> None:
    data, why = CORRUPT[fault]
    path = tmp_path / "keys.json"
    path.write_bytes(data)
    for call in (lambda: keys(path), lambda: generate(path, "b")):
        with pytest.raises(Internal, match=why):
            call()
    assert path.read_bytes() == data


def test_failed_write_leaves_file_and_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "keys.json"
    generate(path, "a")
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    async def scenario() -> None:
        kept = manager(path)
        await kept.keys()
        with pytest.raises(Internal, match=r"unable to write keys to .*No space left"):
            await kept.generate("b", KeyType.EC_P256)
        assert set(await kept.keys()) == {"a"}

    asyncio.run(scenario())
    assert path.read_bytes() == before


def test_link_in_the_place_of_the_temporary_file_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("precious")
    (tmp_path / "keys.json.tmp").symlink_to(target)
    with pytest.raises(Internal, match="unable to write keys"):
        generate(tmp_path / "keys.json", "a")
    assert target.read_text() == "precious"


def test_left_over_temporary_file_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "keys.json.tmp").write_text("half a fi")
    (tmp_path / "keys.json.tmp").chmod(0o644)
    generate(tmp_path / "keys.json", "a")
    assert (tmp_path / "keys.json").stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [tmp_path / "keys.json"]


def test_file_and_directory_are_forced_to_disk_in_this_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, forced = tmp_path / "keys.json", []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        forced.append((Path(f"/proc/self/fd/{descriptor}").readlink(), path.exists()))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    generate(path, "a")
    assert forced == [(tmp_path / "keys.json.tmp", False), (tmp_path, True)]


def test_parallel_generation_loses_no_key(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"

    async def scenario() -> None:
        shared = manager(path)
        await asyncio.gather(*(shared.generate(f"k{number}", KeyType.EC_P256) for number in range(16)))

    asyncio.run(scenario())
    assert sorted(keys(path)) == sorted(f"k{number}" for number in range(16))


def test_agents_plugin_names_a_directory(tmp_path: Path) -> None:
    asyncio.run(Disk(AgentConfig(directory=str(tmp_path))).generate("agent-svid-A", KeyType.EC_P256))
    assert set(disk.load(tmp_path / "keys.json")) == {"agent-svid-A"}


def test_required_options() -> None:
    with pytest.raises(InvalidArgument, match="keys_path is required"):
        Disk(Config())
    with pytest.raises(InvalidArgument, match="directory must be configured"):
        Disk(AgentConfig())


def test_messages_hold_no_key(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    secret = base64.b64encode(b"secret" * 10).decode()
    path.write_text(json.dumps({"keys": {"a": secret}}))
    with pytest.raises(Internal) as caught:
        keys(path)
    assert secret not in str(caught.value) and caught.value.__cause__ is None
