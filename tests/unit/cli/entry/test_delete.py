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


def spires() -> Console:
    return Console("spire-server", io.StringIO(), io.StringIO(), io.StringIO())


def test_the_last_line_ends_only_by_our_own_name(console: Console) -> None:
    show_deleted(reply(a=0), console)
    assert written(console)[0].endswith("Deleted 1 entries successfully\n")


def test_an_entry_that_is_not_there_is_told_where_ids_are(console: Console) -> None:
    answer = reply(a=5)
    answer.results[0].status.message = "entry not found"
    with pytest.raises(Internal) as refused:
        show_deleted(answer, console)
    assert refused.value.hint == "`finial entry show` shows the IDs of entries"


def test_all_deleted() -> None:
    console = spires()
    assert show_deleted(reply(a=0), console) == 0
    assert written(console) == ("Deleted entry with ID: a\n\n\nDeleted 1 entries successfully", "")


def test_none_deleted() -> None:
    console = spires()
    with pytest.raises(Internal, match="failed to delete one or more entries"):
        show_deleted(reply(a=5), console)
    assert written(console) == (
        "\n\nFailed to delete 1 entries",
        'Failed to delete entry with ID a (code: NotFound, msg: "why")\n',
    )


def test_some_deleted() -> None:
    console = spires()
    with pytest.raises(Internal):
        show_deleted(reply(a=0, b=5), console)
    out, _ = written(console)
    assert out.endswith("\n\nDeleted 1 entries successfully, but failed to delete 1 entries")
