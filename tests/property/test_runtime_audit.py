"""Any one change of an audit log is found: deleted, altered, swapped, repeated, put in, cut."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from finial.runtime.audit.chain import Link
from finial.runtime.audit.file import AuditFile
from finial.runtime.audit.layout import HEAD, VERIFICATION_KEY, Head, decode_key, files_in
from finial.runtime.audit.verify import verify

NOW = "2026-01-01T00:00:00Z"
RECORDS = st.lists(
    st.dictionaries(st.sampled_from(["who", "what", "about"]), st.text()), min_size=1, max_size=8
)
CHANGES = st.sampled_from(["delete", "alter", "swap", "repeat", "insert", "cut"])


@settings(max_examples=80, deadline=None)
@given(RECORDS, CHANGES, st.data(), st.integers(200, 2000))
def test_any_change_is_found(
    records: list[dict[str, str]], change: str, data: st.DataObject, limit: int
) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, records, limit)
        assert broken(folder) == ""
        path = data.draw(st.sampled_from(files_in(folder)))
        lines = path.read_bytes().splitlines(keepends=True)
        at = data.draw(st.integers(0, len(lines) - 1))
        path.write_bytes(b"".join(changed(lines, at, change, data)))
        assert broken(folder) != ""


def write(folder: Path, records: list[dict[str, str]], limit: int) -> None:
    file = AuditFile(folder, NOW, size_limit=limit)
    for number, one in enumerate(records):
        file.append([one], NOW)
        if number % 3 == 0:
            file.seal(NOW)
    file.seal(NOW)
    file.close()


def broken(folder: Path) -> str:
    head = Head.decode((folder / HEAD).read_bytes())
    key = decode_key((folder / VERIFICATION_KEY).read_bytes())
    keyed, plain = verify(files_in(folder), head, key), verify(files_in(folder), head)
    assert bool(keyed.broken) == bool(plain.broken)  # who cannot compute digests is found without the key
    return keyed.broken


def changed(lines: list[bytes], at: int, change: str, data: st.DataObject) -> list[bytes]:
    before, line, after = lines[:at], lines[at], lines[at + 1 :]
    match change:
        case "delete":
            return before + after
        case "repeat":
            return [*before, line, line, *after]
        case "insert":
            _, forged = Link(json.loads(line)["n"] - 1).add({"what": "forged"})
            return [*before, forged, line, *after]
        case "cut":
            return [*before, line[: data.draw(st.integers(0, len(line) - 1))]]
        case "swap" if after:
            return [*before, after[0], line, *after[1:]]
    where = data.draw(st.integers(0, len(line) - 2))
    byte = data.draw(st.integers(0, 255).filter(lambda one: one != line[where]))
    return [*before, line[:where] + bytes([byte]) + line[where + 1 :], *after]
