from __future__ import annotations

import io

import pytest

from finial.cli.console import Console
from finial.cli.entry.delete import read_ids, show_deleted
from finial.errors import Internal, InvalidArgument
from finial.wire.pb.spire.api.server.entry.v1.entry_pb2 import BatchDeleteEntryResponse
from finial.wire.pb.spire.api.types.status_pb2 import Status


def reply(**codes: int) -> BatchDeleteEntryResponse:
    results = [
        BatchDeleteEntryResponse.Result(id=name, status=Status(code=code, message="why"))
        for name, code in codes.items()
    ]
    return BatchDeleteEntryResponse(results=results)


def written(console: Console) -> tuple[str, str]:
    assert isinstance(console.stdout, io.StringIO)
    assert isinstance(console.stderr, io.StringIO)
    return console.stdout.getvalue(), console.stderr.getvalue()


def test_ids_of_a_file() -> None:
    assert read_ids('{"ids": ["a", "b"]}', "f") == ["a", "b"]
    assert read_ids("{}", "f") == []


@pytest.mark.parametrize("content", ['["a"]', '{"ids": "a"}', '{"ids": [1]}', "{nope}", ""])
def test_other_files_are_refused(content: str) -> None:
    with pytest.raises(InvalidArgument):
        read_ids(content, "f")


def test_all_deleted(console: Console) -> None:
    assert show_deleted(reply(a=0), console) == 0
    assert written(console) == ("Deleted entry with ID: a\n\n\nDeleted 1 entries successfully", "")


def test_none_deleted(console: Console) -> None:
    with pytest.raises(Internal, match="failed to delete one or more entries"):
        show_deleted(reply(a=5), console)
    assert written(console) == (
        "\n\nFailed to delete 1 entries",
        'Failed to delete entry with ID a (code: NotFound, msg: "why")\n',
    )


def test_some_deleted(console: Console) -> None:
    with pytest.raises(Internal):
        show_deleted(reply(a=0, b=5), console)
    out, _ = written(console)
    assert out.endswith("\n\nDeleted 1 entries successfully, but failed to delete 1 entries")
