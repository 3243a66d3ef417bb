"""sshpop, agent's half: its files."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from finial.errors import InvalidArgument
from finial.plugins.node.sshpop.agent import Config, SshPopAttestor
from finial.testing.node import SshAuthority


def attestor(files: tuple[Path, Path]) -> SshPopAttestor:
    return SshPopAttestor(Config(host_key_path=str(files[0]), host_cert_path=str(files[1])))


def test_a_key_in_pem_is_read_too(tmp_path: Path) -> None:
    key = rsa.generate_private_key(65537, 2048)
    files = SshAuthority().host(tmp_path, key)
    files[0].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()))
    assert "PRIVATE" not in repr(attestor(files))


def test_files_that_cannot_be_used_are_told_without_their_content(tmp_path: Path) -> None:
    authority = SshAuthority()
    private, public = authority.host(tmp_path, signed_for=ed25519.Ed25519PrivateKey.generate())
    with pytest.raises(InvalidArgument, match="is for another key"):
        attestor((private, public))
    for path, text in ((public, "holds no SSH certificate"), (private, "holds no private key")):
        path.write_text("secret words")
        with pytest.raises(InvalidArgument, match=text) as told:
            attestor((private, public))
        assert "secret" not in str(told.value)
        authority.host(tmp_path)
    for path, text in (
        (public, "failed to read host cert file: open .*: no such file"),
        (private, "failed to read host key file"),
    ):
        path.unlink()
        with pytest.raises(InvalidArgument, match=text):
            attestor((private, public))
