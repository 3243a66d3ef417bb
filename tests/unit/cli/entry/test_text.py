from __future__ import annotations

import json

import pytest

from finial.cli.entry.text import entry_text, id_text, read_entries, read_id, read_selector, time_text
from finial.errors import InvalidArgument
from finial.wire.pb.spire.api.types.entry_pb2 import Entry

PLAIN = {
    "parent_id": "spiffe://example.org/node",
    "spiffe_id": "spiffe://example.org/web",
    "selectors": [{"type": "unix", "value": "uid:1"}],
}
FULL = PLAIN | {
    "entry_id": "web",
    "x509_svid_ttl": 60,
    "jwt_svid_ttl": 30,
    "federates_with": ["spiffe://other.test"],
    "dns_names": ["web.test"],
    "admin": True,
    "downstream": True,
    "hint": "internal",
    "entry_expiry": 4102444800,
    "store_svid": True,
    "additional_attributes": {"disable_x509_svid_prefetch": True, "jwt_svid_include_jti": True},
    "unknown": "ignored",
}


def document(*rows: object) -> str:
    return json.dumps({"entries": rows})


def test_a_plain_entry_shows_defaults_and_leaves_out_what_is_not_set() -> None:
    (entry,) = read_entries(document(PLAIN), "f")
    assert entry_text(entry) == (
        "Entry ID                : (none)\n"
        "SPIFFE ID               : spiffe://example.org/web\n"
        "Parent ID               : spiffe://example.org/node\n"
        "Revision                : 0\n"
        "X509-SVID TTL           : default\n"
        "JWT-SVID TTL            : default\n"
        "Selector                : unix:uid:1\n"
        "\n"
    )


def test_a_full_entry_shows_everything_in_the_order_of_spire() -> None:
    (entry,) = read_entries(document(FULL), "f")
    labels = [line.partition(":")[0].strip() for line in entry_text(entry).splitlines() if line]
    assert labels == [
        "Entry ID", "SPIFFE ID", "Parent ID", "Revision", "Downstream", "X509-SVID TTL", "JWT-SVID TTL",
        "Expiration time", "Selector", "FederatesWith", "DNS name", "Admin", "StoreSvid", "Hint",
        "DisableX509SvidPrefetch", "JwtSvidIncludeJti",
    ]  # fmt: skip
    assert "2100-01-01 00:00:00 +0000 UTC" in entry_text(entry)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "unexpected end of JSON input"),
        ("{", "unexpected end of JSON input"),
        ("[]", "json: cannot unmarshal array into Go value of type common.RegistrationEntries"),
        ("[" * 100_000, "is not valid JSON"),
        ('{"entries": {}}', '"entries" is not a list of objects'),
        ('{"entries": [1]}', '"entries" is not a list of objects'),
        (document(PLAIN | {"spiffe_id": "bad"}), "invalid SPIFFE ID: scheme is missing or invalid"),
        (document(PLAIN | {"parent_id": ""}), "invalid parent ID: cannot be empty"),
        (document(PLAIN | {"selectors": [{"type": "a"}]}), "entry 1 cannot be read"),
        (document(PLAIN, PLAIN | {"x509_svid_ttl": "long"}), "entry 2 cannot be read"),
        (document(PLAIN | {"x509_svid_ttl": 2**40}), "entry 1 cannot be read"),
        (document(PLAIN | {"admin": "yes"}), "entry 1 cannot be read"),
        (document(PLAIN | {"admin": 2**64 - 1}), "entry 1 cannot be read"),
        (document(PLAIN | {"additional_attributes": "no object"}), "entry 1 cannot be read"),
        (
            document(PLAIN | {"additional_attributes": {"jwt_svid_include_jti": "/.."}}),
            "entry 1 cannot be read",
        ),
    ],
    ids=range(15),
)
def test_a_file_that_cannot_be_read_is_refused_with_the_place(content: str, why: str) -> None:
    with pytest.raises(InvalidArgument, match=why):
        read_entries(content, "entries.json")


@pytest.mark.parametrize("content", ["{}", '{"entries": null}', '{"other": 1}', '{"entries": []}', "null"])
def test_a_file_without_entries_holds_none(content: str) -> None:
    assert read_entries(content, "f") == []


def test_selectors_split_at_the_first_colon() -> None:
    selector = read_selector("unix:user:root")
    assert (selector.type, selector.value) == ("unix", "user:root")
    assert read_selector(":v").type == ""  # for the server to refuse
    with pytest.raises(InvalidArgument, match='selector "nocolon" must be formatted as type:value'):
        read_selector("nocolon")


def test_ids_go_both_ways() -> None:
    assert id_text(read_id("spiffe://example.org/a")) == "spiffe://example.org/a"
    assert id_text(Entry().parent_id) == "spiffe://"
    with pytest.raises(InvalidArgument):
        read_id("example.org/a")


def test_times_are_those_of_go() -> None:
    assert time_text(0) == "1970-01-01 00:00:00 +0000 UTC"


def test_a_time_beyond_all_calendars_is_shown_as_it_is() -> None:
    assert time_text(2**62) == "4611686018427387904 (Unix seconds)"
