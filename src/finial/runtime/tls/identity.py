"""A certificate chain and its private key in, a context that shows them: through memory, never by way of a disk.

OpenSSL, as Python's ssl lends it to us, reads both from paths. Each platform has one that leads to no file:

- Linux: `/proc/self/fd/N` of a memory file, which each opening reads from its start. Whoever may trace this
  process can open it there for the millisecond that it lives: root, and without Yama the same user.
- Elsewhere: `/dev/fd/N` of a filled pipe. On Darwin, which has no memory files, opening that name duplicates
  the descriptor with its position (XNU `devfs_fdesc_support.c`, `dupfdopen`), so what was read once is gone and
  chain and key come through a pipe each. No other process can open a pipe that it was not handed.

Root reads the memory of any process, and so its keys, on both.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import os
import ssl
import sys
from collections.abc import Iterator, Sequence

from finial.errors import InvalidArgument


def load(context: ssl.SSLContext, chain: Sequence[bytes], key: bytes) -> None:
    """`chain`: DER, leaf first. `key`: DER PKCS#8. Takes no lock and no thread; the GIL is free meanwhile.

    Raises: InvalidArgument, which quotes neither, for what OpenSSL does not take, or a key of another leaf.
    """
    certificates = b"".join(_pem(b"CERTIFICATE", der) for der in chain)
    try:
        _hand(context, certificates, _pem(b"PRIVATE KEY", key))
    except ssl.SSLError as why:
        raise InvalidArgument(f"TLS identity: {_reason(why)}") from why


def through_pipes(context: ssl.SSLContext, chain: bytes, key: bytes) -> None:
    """PEM. Works wherever there is /dev/fd, on Linux too.

    OpenSSL asks for its position in the key's file, which a pipe does not have. It copes, but Python takes
    that errno for the reason of a later failure, and the true one is lost.
    """
    with readable_once(chain) as chain_path, readable_once(key) as key_path:
        try:
            context.load_cert_chain(chain_path, key_path)
        except OSError as why:
            if isinstance(why, ssl.SSLError) or why.errno != errno.ESPIPE:
                raise
            raise InvalidArgument("TLS identity: key is malformed, or of another certificate") from None


@contextlib.contextmanager
def readable_once(pem: bytes) -> Iterator[str]:
    """A path that this process can read, once. Nobody waits: what a pipe does not hold at once is refused.

    Darwin's holds 16 KiB, and 64 while all pipes of the machine are below 16 MiB; Linux's holds 64.
    """
    reading, writing = os.pipe()
    with open(reading, "rb", buffering=0), open(writing, "wb", buffering=0) as sink:
        os.set_blocking(writing, False)
        if sink.write(pem) != len(pem):
            raise InvalidArgument(f"TLS identity: {len(pem)} bytes are too much for a pipe")
        sink.close()  # the reader meets an end
        yield f"/dev/fd/{reading}"


if sys.platform == "linux":

    def through_memory_file(context: ssl.SSLContext, chain: bytes, key: bytes) -> None:
        """PEM, both in one file."""
        with open(os.memfd_create("svid", os.MFD_CLOEXEC), "wb") as file:
            file.write(key)
            file.write(chain)
            file.flush()
            context.load_cert_chain(f"/proc/self/fd/{file.fileno()}")

    _hand = through_memory_file
else:
    _hand = through_pipes


def _pem(label: bytes, der: bytes) -> bytes:
    return b"-----BEGIN %s-----\n%s-----END %s-----\n" % (label, base64.encodebytes(der), label)


def _reason(why: ssl.SSLError) -> str:
    return (why.reason or "malformed").lower().replace("_", " ")
