"""What a console is told, and what of it is refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from finial.console.options import Options, bracketed, check, is_loopback
from finial.errors import InvalidArgument

PLAIN = Options("/run/server.sock")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_this_machine_needs_no_tls(host: str) -> None:
    check(dataclasses.replace(PLAIN, host=host))
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "console.example.org", "192.0.2.1"])
def test_elsewhere_tls_is_required_and_the_reason_is_told(host: str) -> None:
    with pytest.raises(InvalidArgument, match="without TLS") as told:
        check(dataclasses.replace(PLAIN, host=host))
    assert "ssh -L" in str(told.value.hint)


def test_a_certificate_goes_with_its_key_and_both_are_read(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="go together"):
        check(dataclasses.replace(PLAIN, certificate="c.pem"))
    (tmp_path / "c.pem").write_text("no certificate")
    broken = str(tmp_path / "c.pem")
    with pytest.raises(InvalidArgument, match="use certificate"):
        check(dataclasses.replace(PLAIN, certificate=broken, key=broken))


def test_names_are_those_by_which_it_is_reached() -> None:
    assert PLAIN.names(3001) == ["127.0.0.1:3001", "localhost:3001"]
    far = Options("s", host="192.0.2.1", certificate="c", key="k", hosts=("console.example.org:3000",))
    assert far.names(3000) == ["192.0.2.1:3000", "console.example.org:3000"]
    assert far.address(3000) == "https://192.0.2.1:3000"
    assert dataclasses.replace(PLAIN, host="::1").address(3000) == f"http://{bracketed('::1')}:3000"
