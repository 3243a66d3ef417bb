from __future__ import annotations

import json

import pytest

from finial.cli.entry.text import entry_text, read_entries
from finial.errors import InvalidArgument

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
