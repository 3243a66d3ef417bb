"""KeyManager "disk": keys in one JSON file, in SPIRE's form: `{"keys": {id: base64 of PKCS#8}}`.

The file is replaced as a whole, by `runtime.private_file`: a crash leaves the old file or the new one. A file
that others may read is brought back to 0600; one that cannot be read as keys is an error, never an empty key
ring.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_der_private_key

from finial.config.options import option
from finial.errors import Internal, InvalidArgument
from finial.plugin.kinds import KeyType, PrivateKey
from finial.plugins.key.generation import generate
from finial.runtime import private_file
from finial.svid.x509 import private_key_to_pkcs8

FILE_NAME = "keys.json"
LOST = "restore the file from a backup, or move it away: then new keys are made"


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Of the server's plugin."""

    keys_path: str = option("", "File in which the keys are kept.")

    @property
    def path(self) -> Path:
        """Raises: InvalidArgument."""
        if not self.keys_path:
            raise InvalidArgument("keys_path is required")
        return Path(self.keys_path)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentConfig:
    """Of the agent's plugin."""

    directory: str = option("", "Directory in which the keys are kept, as keys.json.")

    @property
    def path(self) -> Path:
        """Raises: InvalidArgument."""
        if not self.directory:
            raise InvalidArgument("directory must be configured")
        return Path(self.directory) / FILE_NAME


class Disk:
    """Implements `plugin.kinds.KeyManager`. File and memory change together, in a thread, so that a
    cancelled caller leaves both as they were or both changed."""

    def __init__(self, config: Config | AgentConfig) -> None:
        self._path = config.path
        self._lock = threading.Lock()
        self._keys: dict[str, PrivateKey] | None = None

    async def keys(self) -> Mapping[str, PrivateKey]:
        """Raises: Internal if the file cannot be read."""
        return await asyncio.to_thread(self._read)

    async def generate(self, key_id: str, key_type: KeyType) -> PrivateKey:
        """Raises: Internal if the file cannot be read or written; then nothing changed."""
        return await asyncio.to_thread(self._generate, key_id, key_type)

    def _read(self) -> Mapping[str, PrivateKey]:
        with self._lock:
            return MappingProxyType(dict(self._loaded()))

    def _generate(self, key_id: str, key_type: KeyType) -> PrivateKey:
        key = generate(key_type)
        with self._lock:
            changed = {**self._loaded(), key_id: key}
            try:
                private_file.replace(self._path, encode(changed))
            except OSError as why:
                raise Internal(
                    f'unable to write keys to "{self._path}": {why.strerror}',
                    hint="the folder must be there, have room and be writable by this user",
                ) from why
            self._keys = changed
        return key

    def _loaded(self) -> dict[str, PrivateKey]:
        """The keys as of the first look at the file: nobody else writes it while we run."""
        if self._keys is None:
            self._keys = load(self._path)
        return self._keys


def load(path: Path) -> dict[str, PrivateKey]:
    """The keys of a file, none if there is no file. Raises: Internal, never with content of the file."""
    try:
        data = path.read_bytes()
        if path.stat().st_mode & 0o777 != private_file.MODE:
            path.chmod(private_file.MODE)
    except FileNotFoundError:
        return {}
    except OSError as why:
        raise Internal(f'unable to read keys from "{path}": {why.strerror}') from why
    try:
        held = json.loads(data)["keys"]
        items = list(held.items())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Internal(
            f'unable to decode keys JSON "{path}": not in the form of keys.json',
            hint=LOST,
        ) from None
    return {key_id: _decode(key_id, value) for key_id, value in items}


def _decode(key_id: str, value: object) -> PrivateKey:
    try:
        if not isinstance(value, str):
            raise TypeError
        key = load_der_private_key(base64.b64decode(value, validate=True), password=None)
    except (ValueError, TypeError, binascii.Error, UnsupportedAlgorithm):
        raise Internal(f'unable to parse key "{key_id}": not base64 of PKCS#8', hint=LOST) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise Internal(f'unable to make entry "{key_id}": key type is not supported')
    return key


def encode(keys: Mapping[str, PrivateKey]) -> bytes:
    """Indented by tabs, IDs in order, without a line end."""
    texts = {key_id: base64.b64encode(private_key_to_pkcs8(keys[key_id])).decode() for key_id in sorted(keys)}
    return json.dumps({"keys": texts}, indent="\t").encode()
