from __future__ import annotations

import base64
import io
import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from finial.cli.console import Console
from finial.cli.mint import Minted, certificates_pem, warn_if_capped, whole_seconds, write_x509, x509_json
from finial.errors import FinialError
from finial.testing.transcripts import Outcome

Call = Callable[..., Outcome]
MINTED = Minted((b"leaf", b"intermediate"), b"key", (b"root",))


@pytest.mark.parametrize(("ttl", "seconds"), [(0.0, 0), (60.0, 60), (0.4, 1), (-5.0, 0)])
def test_parts_of_a_second_are_rounded_up(ttl: float, seconds: int) -> None:
    assert whole_seconds(ttl) == seconds


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("x509", "mint"), "spiffeID must be specified"),
        (("x509", "mint", "-spiffeID", "bad"), "scheme is missing or invalid"),
        (("jwt", "mint", "-audience", "a"), "spiffeID must be specified"),
        (("jwt", "mint", "-spiffeID", "spiffe://a/b"), "at least one audience must be specified"),
    ],
)
def test_what_is_missing_is_told_before_a_call(call: Call, words: tuple[str, ...], why: str) -> None:
    assert call(*words, program="spire-server") == Outcome(1, "", f"Error: {why}\n")


@pytest.mark.parametrize(("lifetime", "warned"), [(60, False), (59, False), (30, True)])
def test_a_lifetime_that_was_cut_is_told(console: Console, lifetime: int, warned: bool) -> None:
    assert isinstance(console.stderr, io.StringIO)
    warn_if_capped("X509", 60.0, int(time.time()) + lifetime + 1, console)
    told = console.stderr.getvalue()
    assert told.startswith("X509-SVID lifetime was capped shorter than specified ttl; expires ") is warned


def test_json_keeps_the_order_of_spire() -> None:
    text = x509_json(MINTED)
    assert list(json.loads(text)) == ["x509_svid", "private_key", "root_cas"]
    assert json.loads(text)["root_cas"] == [base64.b64encode(b"root").decode()]


def test_pem_lines_are_64_letters() -> None:
    lines = certificates_pem((bytes(100),)).decode().splitlines()
    assert [len(line) for line in lines[1:-1]] == [64, 64, 8]


def test_files_and_their_modes(console: Console, tmp_path: Path) -> None:
    write_x509(MINTED, tmp_path, console)
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == {"svid.pem": 0o644, "key.pem": 0o600, "bundle.pem": 0o644}


def test_a_folder_that_is_not_there(console: Console, tmp_path: Path) -> None:
    with pytest.raises(FinialError, match="unable to write SVID: open .*svid.pem: no such file or directory"):
        write_x509(MINTED, tmp_path / "absent", console)
