"""Files of an audit log: whoever verifies one has it from somebody else."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

from tests.fuzz.mutate.json import by_json
from tests.fuzz.target import from_file, target
from tests.fuzz.targets.credentials import JSON_WORDS

from finial.errors import InvalidArgument
from finial.runtime.audit.chain import Link, parse
from finial.runtime.audit.file import AuditFile
from finial.runtime.audit.layout import Head, decode_key, encode_key, files_in
from finial.runtime.audit.query import Wanted, records
from finial.runtime.audit.seal import SealKey
from finial.runtime.audit.verify import verify


def logs() -> Iterable[bytes]:
    with tempfile.TemporaryDirectory() as folder:
        file = AuditFile(Path(folder), "2026-01-01T00:00:00Z")
        file.append([{"what": "a", "about": {"entry_id": "b"}}], "2026-01-01T00:00:00Z")
        file.seal("2026-01-01T00:00:00Z")
        file.close()
        yield files_in(Path(folder))[0].read_bytes()


@target(
    "audit-log",
    reads=("runtime/audit/chain.py", "runtime/audit/query.py"),
    made=logs,
    words=(*JSON_WORDS, b"\n", b'"n":', b'"digest":"', b'"seal":', b'"previous":"'),
    errors=(InvalidArgument,),
)
def read_log(data: bytes) -> None:
    """A verdict, whatever it is; who only looks for records gets those or an error."""

    def read(path: Path) -> None:
        verdict = verify([path], None, SealKey(0, b"k" * 32))
        assert verdict.broken or verdict.last >= verdict.first
        for one in records([path], Wanted(since=1.0, about=(("entry_id", "b"),))):
            assert (
                Link(one.number - 1).add(one.fields)[0].number
                == one.number
                == parse(rebuilt(one.body)).number
            )

    from_file(data, read)


def rebuilt(body: bytes) -> bytes:
    return body[:-1] + b',"digest":"' + b"0" * 64 + b'"}'


@target(
    "audit-head",
    reads=("runtime/audit/layout.py",),
    made=lambda: [Head().encode(), encode_key(SealKey.generate())],
    words=(*JSON_WORDS, b'"key"', b'"digest"'),
    mutate=by_json(("file", "size", "n", "seal", "digest", "key"), (1, "00" * 32)),
    errors=(InvalidArgument,),
)
def read_head(data: bytes) -> None:
    try:
        assert len(decode_key(data).key) == 32
    except InvalidArgument:
        head = Head.decode(data)
        assert Head.decode(head.encode()) == head
