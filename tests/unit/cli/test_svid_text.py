from __future__ import annotations

import io
from pathlib import Path

import pytest

from finial.cli.console import Console
from finial.cli.svid_text import jwt_text, write_x509, x509_text
from finial.errors import NotFound
from finial.testing.ca import TestCa
from finial.wire.pb.spiffe.workload.workload_pb2 import (
    JWTSVID,
    X509SVID,
    JWTBundlesResponse,
    JWTSVIDResponse,
    X509SVIDResponse,
)


@pytest.fixture(scope="module")
def answer() -> X509SVIDResponse:
    root, other = TestCa(), TestCa("other.test")
    leaf = root.intermediate().leaf("/web")
    svid = X509SVID(
        spiffe_id="spiffe://example.org/web",
        x509_svid=b"".join(leaf.chain),
        x509_svid_key=leaf.key,
        bundle=root.der,
        hint="internal",
    )
    return X509SVIDResponse(svids=[svid], federated_bundles={"spiffe://other.test": other.der})


def test_fetched_identities_are_shown_with_every_lifetime(answer: X509SVIDResponse) -> None:
    lines = x509_text(answer, 0.5).splitlines()
    assert lines[:4] == [
        "Received 1 svid after 0.500s",
        "",
        "SPIFFE ID:\t\tspiffe://example.org/web",
        "Hint:\t\t\tinternal",
    ]
    assert [line.partition(":\t")[0] for line in lines[4:]] == [
        f"{what} Valid {word}"
        for what in ("SVID", "Intermediate #1", "CA #1", "[spiffe://other.test] CA #1")
        for word in ("After", "Until")
    ]


def test_a_watch_shows_no_hints_and_trust_domains_by_name(answer: X509SVIDResponse) -> None:
    text = x509_text(answer, 0.0, watching=True)
    assert "Hint" not in text
    assert "[other.test] CA #1 Valid After" in text


def test_files_are_written_with_their_modes(answer: X509SVIDResponse, tmp_path: Path) -> None:
    console = Console("finial", stdout=io.StringIO())
    write_x509(answer, tmp_path, console)
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == {
        "svid.0.pem": 0o644,
        "svid.0.key": 0o600,
        "bundle.0.pem": 0o644,
        "federated_bundle.0.0.pem": 0o644,
    }
    assert (tmp_path / "svid.0.pem").read_text().count("BEGIN CERTIFICATE") == 2


def test_a_folder_that_is_not_there_is_an_error(answer: X509SVIDResponse, tmp_path: Path) -> None:
    console = Console("finial", stdout=io.StringIO())
    with pytest.raises(NotFound, match="svid.0.pem: no such file or directory"):
        write_x509(answer, tmp_path / "absent", console)


def test_tokens_are_shown_with_hints_and_bundles() -> None:
    tokens = JWTSVIDResponse(svids=[JWTSVID(spiffe_id="spiffe://example.org/web", svid="a.b.c", hint="h")])
    bundles = JWTBundlesResponse(bundles={"spiffe://example.org": b'{"keys": []}'})
    assert jwt_text(tokens, bundles) == (
        "token(spiffe://example.org/web):\n\ta.b.c\n"
        "hint(spiffe://example.org/web):\n\th\n"
        'bundle(spiffe://example.org):\n\t{"keys": []}\n'
    )
