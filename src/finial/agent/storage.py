"""`agent-data.json`: the agent's SVID, the last bundle and how far it came to trust its server, in SPIRE's form.
Keys are the KeyManager's.

One line of JSON; certificates are PEM, base64 encoded once more, as Go writes byte slices. A stock agent
reads what we write and the other way round. SPIRE 1.15 `pkg/agent/storage`.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import IntEnum
from pathlib import Path

from finial.errors import FinialError, Internal
from finial.runtime import private_file
from finial.spiffe import bundle_document
from finial.spiffe.trust_domain import TrustDomain

FILE_NAME = "agent-data.json"
EPOCH_YEAR, LAST_YEAR = 1970, 9999
NO_TIME = "0001-01-01T00:00:00Z"  # Go's zero time


class Use(IntEnum):
    """What the next bundle from the configured source is for; SPIRE's numbers."""

    UNKNOWN = 0
    FIRST_TRUST = 1
    TRUST_ANEW = 2  # the server was trusted once


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """`started_at`: since when the agent looks for trust; None: it has it. `attempts`: bundles taken since."""

    use: Use = Use.UNKNOWN
    started_at: datetime | None = None
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class AgentData:
    """Certificates are DER; the SVID is leaf first. Empty: not known."""

    svid: tuple[bytes, ...] = ()
    bundle: tuple[bytes, ...] = ()
    reattestable: bool = False
    bootstrap: Bootstrap = Bootstrap()


class Storage:
    """The file in one data directory. Unchanged data is not written again."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE_NAME
        self._data = AgentData()
        self._lock = asyncio.Lock()

    @property
    def data(self) -> AgentData:
        return self._data

    async def load(self) -> AgentData:
        """Raises: Internal if the file is there and cannot be read."""
        self._data = await asyncio.to_thread(read, self._path)
        return self._data

    async def store_svid(self, chain: tuple[bytes, ...], *, reattestable: bool) -> None:
        await self._store(svid=chain, reattestable=reattestable)

    async def delete_svid(self) -> None:
        await self._store(svid=(), reattestable=False)

    async def store_bundle(self, roots: tuple[bytes, ...]) -> None:
        await self._store(bundle=roots)

    async def store_bootstrap(self, state: Bootstrap) -> None:
        await self._store(bootstrap=state)

    async def start_over(self, state: Bootstrap) -> None:
        """Identity and trust are dropped in one write."""
        await self._store(svid=(), reattestable=False, bundle=(), bootstrap=state)

    async def _store(self, **changes: object) -> None:
        """Under cancellation the file is the old or the new one. Raises: Internal."""
        async with self._lock:
            data = replace(self._data, **changes)  # type: ignore[arg-type]
            if data == self._data:
                return
            try:
                await asyncio.to_thread(private_file.replace, self._path, encode(data))
            except OSError as why:
                raise Internal(
                    f'failed to write data file "{self._path}": {why.strerror}',
                    hint="the folder must be there, have room and be writable by this user",
                ) from why
            self._data = data


def read(path: Path) -> AgentData:
    try:
        return decode(path.read_bytes())
    except FileNotFoundError:
        return AgentData()
    except OSError as why:
        raise Internal(f'failed to read data "{path}": {why.strerror}') from why
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, FinialError) as why:
        raise Internal(
            f'failed to unmarshal data "{path}": not in the form of {FILE_NAME}',
            hint="move the file away: the agent then attests anew",
        ) from why


def encode(data: AgentData) -> bytes:
    record = {
        "svid": _texts(data.svid),
        "bundle": _texts(data.bundle),
        "reattestable": data.reattestable,
        "bootstrap_use": int(data.bootstrap.use),
        "bootstrap_start_time": _time_text(data.bootstrap.started_at),
        "connection_attempts": data.bootstrap.attempts,
    }
    return json.dumps(record, separators=(",", ":")).encode()


def decode(text: bytes) -> AgentData:
    record = json.loads(text)
    reattestable = record.get("reattestable", False)
    if not isinstance(reattestable, bool):
        raise TypeError("reattestable is no boolean")
    return AgentData(
        _certificates(record["svid"]), _certificates(record["bundle"]), reattestable, _bootstrap(record)
    )


def _bootstrap(record: dict[str, object]) -> Bootstrap:
    """Files of agents before 1.13 have none of this."""
    use, attempts = record.get("bootstrap_use", 0), record.get("connection_attempts", 0)
    moment = record.get("bootstrap_start_time", NO_TIME)
    if not (isinstance(use, int) and isinstance(attempts, int) and isinstance(moment, str)):
        raise TypeError("state of the bootstrap is malformed")
    return Bootstrap(Use(use), _time(moment), attempts)


def _time(text: str) -> datetime | None:
    """UTC; None for Go's zero time. Raises: ValueError, also for what no clock shows."""
    if text == NO_TIME:
        return None
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None or not EPOCH_YEAR <= moment.year < LAST_YEAR:
        raise ValueError("bootstrap_start_time is no moment")
    return moment.astimezone(UTC)


def _time_text(moment: datetime | None) -> str:
    return NO_TIME if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _texts(certificates: tuple[bytes, ...]) -> list[str] | None:
    """Go writes a list without elements as null."""
    return [base64.b64encode(bundle_document.encode_pem([der])).decode() for der in certificates] or None


def _certificates(texts: list[str] | None) -> tuple[bytes, ...]:
    found: list[bytes] = []
    for text in texts or []:
        try:
            pem = base64.b64decode(text, validate=True)
        except binascii.Error as why:
            raise ValueError("certificate is not base64") from why
        found.extend(bundle_document.parse_pem(pem, TrustDomain("stored")).x509_roots)
    return tuple(found)
