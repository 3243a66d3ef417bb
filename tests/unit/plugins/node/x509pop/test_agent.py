"""x509pop, agent's half: its files."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from finial.errors import InvalidArgument
from finial.plugins.node.x509pop.agent import Config, X509PopAttestor
from finial.testing.ca import TestCa


def files(folder: Path) -> Config:
    chain, key = TestCa().leaf().write(folder, "node")
    return Config(private_key_path=str(key), certificate_path=str(chain))


def certificates(one: X509PopAttestor) -> list[str]:
    return list(json.loads(asyncio.run(one.payload()))["certificates"])


def test_intermediates_follow_and_renewed_files_count(tmp_path: Path) -> None:
    config = files(tmp_path)
    more = TestCa().intermediate().write(tmp_path / "more.pem")
    one = X509PopAttestor(replace(config, intermediates_path=str(more)))
    first = certificates(one)
    assert len(first) == 2
    files(tmp_path)
    second = certificates(one)
    assert second[0] != first[0] and second[1] == first[1]


def test_files_that_cannot_be_used_are_told_without_their_content(tmp_path: Path) -> None:
    config = files(tmp_path)
    key, chain = Path(config.private_key_path), Path(config.certificate_path)
    for name in ("private_key_path", "certificate_path"):
        with pytest.raises(InvalidArgument, match=f"{name} is required"):
            X509PopAttestor(replace(config, **{name: ""}))
    held = key.read_bytes()
    key.write_bytes(Path(files(tmp_path).private_key_path).read_bytes())
    chain.write_bytes(Path(TestCa().leaf().write(tmp_path, "other")[0]).read_bytes())
    with pytest.raises(InvalidArgument, match="private key does not match public key"):
        X509PopAttestor(config)
    for path, text in ((key, "holds no private key in PEM"), (chain, "holds no certificate in PEM")):
        path.write_text("secret words")
        with pytest.raises(InvalidArgument, match=text) as told:
            X509PopAttestor(config)
        assert "secret" not in str(told.value)
        path.write_bytes(held)
    key.unlink()
    with pytest.raises(InvalidArgument, match="unable to load keypair: open .*: no such file"):
        X509PopAttestor(config)
