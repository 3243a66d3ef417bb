from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from pathlib import Path

import pytest

from finial.cli.console import Console
from finial.cli.federated import SetFlags, read_bundle, titled
from finial.errors import FinialError
from finial.spiffe import bundle_document
from finial.spiffe.bundle import Bundle, X509Authority
from finial.spiffe.trust_domain import TrustDomain
from finial.testing.ca import TestCa
from finial.testing.transcripts import Outcome
from finial.wire.convert.bundle import bundle_to_wire

Call = Callable[..., Outcome]


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return Bundle(TrustDomain("other.test"), (X509Authority(TestCa("other.test").der),), sequence_number=3)


def read(flags: SetFlags, stdin: str = "") -> object:
    return asyncio.run(read_bundle(flags, Console(stdin=io.StringIO(stdin))))


def test_a_bundle_is_read_in_both_formats_and_from_standard_input(bundle: Bundle, tmp_path: Path) -> None:
    pem = bundle_document.encode_pem(bundle.x509_roots).decode()
    from_pem = bundle_to_wire(bundle)
    from_pem.sequence_number = 0
    assert read(SetFlags(id="other.test"), pem) == from_pem
    path = tmp_path / "other.json"
    path.write_bytes(bundle_document.encode(bundle))
    assert read(SetFlags(id="other.test", format="spiffe", path=str(path))) == bundle_to_wire(bundle)


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        (SetFlags(id="a"), "unable to parse bundle data: no PEM blocks"),
        (
            SetFlags(id="a", path="absent"),
            "unable to load bundle data: open absent: no such file or directory",
        ),
        (
            SetFlags(id="a", format="spiffe"),
            "unable to parse to spiffe bundle: bundle document cannot be read",
        ),
    ],
)
def test_what_is_no_bundle_is_refused(flags: SetFlags, why: str) -> None:
    with pytest.raises(FinialError) as caught:
        read(flags)
    assert caught.value.message.startswith(why)


def test_a_bundle_of_a_list_has_a_title(bundle: Bundle) -> None:
    lines = titled(bundle_to_wire(bundle), "pem").splitlines()
    assert lines[:4] == ["*" * 40, "* other.test", "*" * 40, "-----BEGIN CERTIFICATE-----"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("set",), "id flag is required"),
        (("set", "-id", "a", "-format", "nope"), 'invalid format: "nope"'),
        (("list", "-format", "nope"), 'invalid format: "nope"'),
        (("delete",), "id is required"),
        (("delete", "-id", "a", "-mode", "nope"), 'unsupported mode "nope"'),
    ],
)
def test_what_is_missing_is_told_before_a_call(call: Call, words: tuple[str, ...], why: str) -> None:
    assert call("bundle", *words, program="spire-server") == Outcome(1, "", f"Error: {why}\n")
