"""A chain and a key reach OpenSSL on each platform's way, and leave nothing behind."""

from __future__ import annotations

import contextlib
import errno
import os
import runpy
import ssl
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from finial.errors import InvalidArgument
from finial.runtime.tls import identity
from finial.runtime.tls.material import Material, build
from finial.testing.ca import Issued, TestCa

assert sys.platform == "linux", "tests of the Linux side"

CA = TestCa()
LEAF = CA.intermediate().leaf()
Way = Callable[[ssl.SSLContext, bytes, bytes], None]


@pytest.fixture(params=[identity.through_memory_file, identity.through_pipes])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Way:
    monkeypatch.setattr(identity, "_hand", request.param)
    return request.param  # type: ignore[no-any-return]


def server(leaf: Issued, key: bytes | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    identity.load(context, leaf.chain, leaf.key if key is None else key)
    return context


def shown(context: ssl.SSLContext) -> bytes:
    """The leaf as a client sees it that trusts the root alone, so that the intermediate must have come too."""
    client = build(Material({"example.org": (CA.der,)}), server_side=False, client_auth=ssl.CERT_REQUIRED)
    one, other = (ssl.MemoryBIO(), ssl.MemoryBIO()), (ssl.MemoryBIO(), ssl.MemoryBIO())
    ends = [
        context.wrap_bio(one[0], one[1], server_side=True),
        client.wrap_bio(other[0], other[1], server_hostname="x"),
    ]
    for _ in range(4):
        for end in ends:
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()
        other[0].write(one[1].read())
        one[0].write(other[1].read())
    return ends[1].getpeercert(binary_form=True) or b""


def test_what_was_loaded_is_shown_in_a_handshake_and_proved(way: Way) -> None:
    assert shown(server(LEAF)) == LEAF.chain[0]


def test_no_file_and_no_descriptor_is_left(way: Way, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    before = os.listdir("/proc/self/fd")
    server(LEAF)
    with pytest.raises(InvalidArgument):
        server(LEAF, b"no key")
    assert os.listdir("/proc/self/fd") == before
    assert list(tmp_path.iterdir()) == []


def test_a_key_of_another_leaf_is_refused(way: Way) -> None:
    with pytest.raises(
        InvalidArgument, match=r"^TLS identity: key (values mismatch|is .* another certificate)$"
    ):
        server(LEAF, CA.leaf().key)


def test_what_openssl_cannot_read_is_refused_without_being_quoted(way: Way) -> None:
    with pytest.raises(InvalidArgument, match=r"^TLS identity: ") as caught:
        server(LEAF, b"no key")
    assert "no key" not in str(caught.value)
    with pytest.raises(InvalidArgument, match=r"^TLS identity: "):
        server(Issued((b"no certificate",), LEAF.private_key))


class Exhausted(ssl.SSLContext):
    def load_cert_chain(self, *_: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")


def test_a_process_without_a_free_descriptor_is_no_fault_of_the_identity(way: Way) -> None:
    with pytest.raises(OSError, match="Too many open files"):
        identity.load(Exhausted(ssl.PROTOCOL_TLS_SERVER), LEAF.chain, LEAF.key)


def test_the_path_of_a_pipe_is_read_once_and_names_no_file() -> None:
    with identity.readable_once(b"key") as path:
        assert os.readlink(path.replace("/dev", "/proc/self")).startswith("pipe:[")
        assert os.stat(path).st_nlink == 1  # a pipe has itself, and no folder has it
        assert Path(path).read_bytes() == b"key"
        assert Path(path).read_bytes() == b""
    with pytest.raises(OSError, match="No such"):
        Path(path).read_bytes()


def test_16_kib_go_through_a_pipe_and_what_would_make_us_wait_is_refused() -> None:
    with identity.readable_once(b"x" * 16384) as path:
        assert len(Path(path).read_bytes()) == 16384
    before = os.listdir("/proc/self/fd")
    with pytest.raises(InvalidArgument, match="1048576 bytes are too much"):
        with identity.readable_once(b"x" * 1048576):
            raise AssertionError
    assert os.listdir("/proc/self/fd") == before


def test_a_platform_without_memory_files_goes_by_pipes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert identity._hand is identity.through_memory_file
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.delattr("os.memfd_create")
    assert runpy.run_path(identity.__file__)["_hand"].__name__ == "through_pipes"
