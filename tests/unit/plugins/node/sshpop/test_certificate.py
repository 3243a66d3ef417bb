"""SSH host certificates."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from finial.errors import InvalidArgument
from finial.plugins.node.sshpop.certificate import MAX_SIZE, HostCertificate, authority, read
from finial.runtime.clock import SystemClock
from finial.testing.node import SshAuthority


def certificate(path: Path) -> HostCertificate:
    return read(base64.b64decode(path.read_bytes().split()[1]))


def test_a_certificate_holds_from_its_begin_until_its_end(tmp_path: Path) -> None:
    signer = SshAuthority()
    one = certificate(signer.host(tmp_path)[1])
    known = {authority(signer.line)}
    now = SystemClock().unix()
    one.check(known, now)
    for when, text in ((now - 10_000, "not yet valid"), (now + 10_000, "has expired")):
        with pytest.raises(InvalidArgument, match=text):
            one.check(known, when)
    with pytest.raises(InvalidArgument, match="no authorities"):
        one.check((), now)
    assert "=" not in one.fingerprint and one.principals == ("web-1.example.org",)


@pytest.mark.parametrize("data", [b"", b"\0\0\0\x04abcd", b"\xff" * 64, b"x" * (MAX_SIZE + 1)])
def test_what_is_no_certificate_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidArgument, match="failed to parse public key"):
        read(data)


def test_a_plain_key_and_a_certificate_without_principals_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="pubkey in response is not a certificate"):
        read(base64.b64decode(SshAuthority().line.split()[1]))
    with pytest.raises(InvalidArgument, match="principal"):
        certificate(SshAuthority().host(tmp_path, principals=())[1])


@pytest.mark.parametrize("line", ["", "ssh-rsa", "ssh-rsa AAAA", "nope nope", "ssh-dss AAAAB3NzaC1kc3M="])
def test_what_is_no_authority_is_refused(line: str) -> None:
    with pytest.raises(InvalidArgument, match="failed to parse public key"):
        authority(line)
