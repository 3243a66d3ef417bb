from __future__ import annotations

import socket
from pathlib import Path

import pytest

from finial.cli.hints import from_text, nobody_listens


@pytest.mark.parametrize(
    ("message", "part"),
    [
        ("unknown service spire.api.server.entry.v1.Entry", "this is no server's socket"),
        ("unknown service SpiffeWorkloadAPI", "this is no agent's public socket"),
        ("unknown service other.Thing", "name another socket"),
        ("unknown service finial.configuration.v1.Configuration", "by a restart only"),
        ('x: "spiffe://b.test/a" is not a member of trust domain "a.test"', "begin with spiffe://a.test/"),
        ("agent not found", "finial agent list"),
        ("failed to get entry: entry not found", "finial entry show"),
        ("similar entry already exists", "finial entry update"),
        ("bundle not found", "finial bundle list"),
        ("unexpected authority ID", "finial localauthority x509 show"),
        ("method RefreshBundle is not served by this server", "finial bundle set"),
        ("method ListFederationRelationships is not served by this server", "finial bundle set"),
        ('"spiffe://a.test/x" is not an agent in trust domain "a.test"; why', "finial agent list"),
    ],
)
def test_what_the_other_side_says_has_a_next_step(message: str, part: str) -> None:
    assert part in (from_text(message) or "")


def test_most_errors_speak_for_themselves() -> None:
    assert from_text("this method is called too often") is None


@pytest.mark.parametrize("path", ["127.0.0.1:8081", "localhost:8081", "[::1]:8081", ":8081", "tcp://a:1"])
def test_an_address_is_no_socket(path: str) -> None:
    assert f'"{path}" is an address' in nobody_listens("server", path)


def test_the_path_in_a_uri_is_named() -> None:
    for typed in ("unix:///run/api.sock", "unix:/run/api.sock", "/home/ada/unix:/run/api.sock"):
        assert nobody_listens("agent", typed).endswith('-socketPath "/run/api.sock"')


def test_what_is_at_the_path_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    left = tmp_path / "left"
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(left))
    assert '/file" is a file, not a socket' in nobody_listens("server", str(tmp_path / "file"))
    assert '" is a folder, not a socket' in nobody_listens("server", str(tmp_path))
    assert "left behind" in nobody_listens("server", str(left))
    absent = nobody_listens("agent", str(tmp_path / "absent"))
    assert absent.startswith(f'is the agent running? Nothing listens at "{tmp_path}/absent": ')
    assert "`finial agent run`" in absent
