"""DNS names: what a stock server accepted and refused, and every character."""

from __future__ import annotations

import pytest

from finial.errors import InvalidArgument
from finial.registry.dns_name import check_dns_name, check_no_overlap

ACCEPTED = [
    "a",
    "a.test",
    "A.test",
    "a_b.test",
    "*.a.test",
    "a b",
    "10.0.0.1",
    "a" * 63,
    "xn--bcher-kva.test",
]
REFUSED = {
    "": "empty or only whitespace",
    " ": "empty or only whitespace",
    "*.": "empty or only whitespace",
    "a.*.test": "wildcard must be first label",
    "*": "wildcard must be first label",
    "*a.test": "wildcard must be first label",
    "*.*.test": "too many wildcards",
    ".a": 'idna error\nidna: invalid label ".a"',
    "a..b": 'idna error\nidna: invalid label "a..b"',
    "a.test.": "domain ends with dot",
    "-a.test": 'idna error\nidna: invalid label "-a"',
    "a-.test": 'idna error\nidna: invalid label "a-"',
    "ab--c.test": 'idna error\nidna: invalid label "ab--c"',
    "xn--99999999.test": 'idna error\nidna: invalid label "xn--99999999"',
    "x" * 64: f'idna error\nidna: invalid label "{"x" * 64}"',
    ".".join(["x" * 49] * 5) + ".xxxx": f'idna error\nidna: invalid label "{".".join(["x" * 49] * 5)}.xxxx"',
    "ä.test": "name must be ascii",
}  # fmt: skip


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted(name: str) -> None:
    assert check_dns_name(name) == name


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        check_dns_name(name)
    assert caught.value.message == REFUSED[name]


@pytest.mark.parametrize("code", range(256))
def test_any_character_of_ascii_may_stand_in_a_label_but_a_star(code: int) -> None:
    name = f"a{chr(code)}b.test"
    if code < 128 and chr(code) != "*":
        assert check_dns_name(name) == name
    else:
        with pytest.raises(InvalidArgument):
            check_dns_name(name)


def test_wildcard_may_not_cover_another_name() -> None:
    check_no_overlap(["*.a.test", "a.test", "x.y.a.test", "*.a.test"])
    with pytest.raises(InvalidArgument) as caught:
        check_no_overlap(["*.a.test", "b.a.test"])
    wanted = 'name "b.a.test" overlaps with an existing wildcard name in the list: wildcard overlap'
    assert caught.value.message == wanted
