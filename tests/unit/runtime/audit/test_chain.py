"""Lines of the chain and what is told of a broken one; every break is found: tests/property/test_runtime_audit.py."""

from __future__ import annotations

import json
from hashlib import sha256

import pytest

from finial.errors import InvalidArgument
from finial.runtime.audit.chain import FIRST, MAX_LINE, Link, parse


def test_a_line_is_json_with_its_number_first_and_a_digest_that_anybody_can_compute() -> None:
    link, line = Link().add({"what": "x", "who": "uid 0"})
    text = line.decode()
    assert json.loads(text) == {"n": 1, "what": "x", "who": "uid 0", "digest": link.digest.hex()}
    body = text[: text.index(',"digest"')] + "}"
    assert link.digest == sha256(FIRST + body.encode()).digest()
    assert text.endswith('"}\n')


def test_what_was_written_is_read_and_followed() -> None:
    end, lines = Link(), []
    for number in range(3):
        end, line = end.add({"what": f"w{number}", "about": {"name": 'a"\udc80,"digest":"'}})
        lines.append(line)
    read = Link()
    for line in lines:
        read = read.follow(parse(line))
    assert read == end
    assert parse(lines[2]).what == "w2"


def test_a_break_is_named() -> None:
    one, first = Link().add({"what": "a"})
    two, second = one.add({"what": "b"})
    _, third = two.add({"what": "c"})
    with pytest.raises(InvalidArgument, match=r"record 2 is missing before it"):
        one.follow(parse(third))
    with pytest.raises(InvalidArgument, match=r"records 1 to 2 are missing before it"):
        Link().follow(parse(third))
    with pytest.raises(InvalidArgument, match=r"stands after record 2: out of order"):
        two.follow(parse(first))
    with pytest.raises(InvalidArgument, match=r"altered"):
        one.follow(parse(second.replace(b'"b"', b'"d"')))


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}\n",
        b"x" * 200,
        b'{"n":1,"digest":"' + b"0" * 63 + b'"}',
        b'{"n":"1","digest":"' + b"0" * 64 + b'"}',
        b'{"n":true,"digest":"' + b"0" * 64 + b'"}',
        b'{"m":1,"digest":"' + b"0" * 64 + b'"}',
        b'{"n":1,"digest":"' + b"z" * 64 + b'"}',
        b"[1" + b',"digest":"' + b"0" * 64 + b'"}',
        b"[" * 5000 + b',"digest":"' + b"0" * 64 + b'"}',
        b"x" * (MAX_LINE + 1),
        b"\xff" * 100 + b',"digest":"' + b"0" * 64 + b'"}',
    ],
)
def test_what_is_no_record_is_refused(line: bytes) -> None:
    with pytest.raises(InvalidArgument, match="no audit record"):
        parse(line)
