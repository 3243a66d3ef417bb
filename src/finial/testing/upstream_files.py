"""A CA above a server's own, in files, as the disk plugin reads it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from finial.testing.ca import TestCa


def disk_plugin(folder: Path) -> str:
    """The plugin's block of a configuration. Each call writes its files anew, with another CA."""
    root = TestCa(lifetime=timedelta(days=2))
    cert, key = root.write(folder / "upstream.pem"), folder / "upstream.key"
    key.touch(mode=0o600)
    key.write_bytes(
        root.private_key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    )
    return (
        f'UpstreamAuthority "disk" {{ plugin_data {{ cert_file_path = "{cert}" key_file_path = "{key}" }} }}'
    )
