"""Where a database is: a connection string as SPIRE's configuration has it -> the path of a file."""

from __future__ import annotations

from pathlib import Path

from finial.errors import InvalidArgument, Unsupported

SERVERS = frozenset({"postgres", "postgresql", "mysql"})


def path_of(location: str | Path) -> Path:
    """From a path, or a `file:` address without options. Raises: InvalidArgument, Unsupported."""
    text = str(location)
    if not text:
        raise InvalidArgument("datastore-sql: connection_string must be set")
    scheme, colon, rest = text.partition(":")
    if colon and scheme in SERVERS:
        raise Unsupported(f'datastore-sql: database type "{scheme}" is not supported')
    path = rest if colon and scheme == "file" else text
    if "?" in path:
        raise Unsupported("datastore-sql: options after ? in the connection string are not supported")
    return Path(path)
