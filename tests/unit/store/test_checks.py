from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from finial.errors import InvalidArgument
from finial.registry.entry import Entry
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.store.checks import check_entry

ENTRY = Entry(
    "",
    SpiffeId.parse("spiffe://example.org/w"),
    SpiffeId.parse("spiffe://example.org/node"),
    (Selector("unix", "uid:1"),),
)
MIXED = (Selector("unix", "uid:1"), Selector("k8s", "ns:x"))


def test_accepts_an_entry_with_and_without_an_id() -> None:
    check_entry(ENTRY)
    check_entry(replace(ENTRY, id="A-z.0_9"))
    check_entry(replace(ENTRY, selectors=MIXED))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"selectors": ()}, "invalid registration entry: missing selector list"),
        ({"id": "a b"}, "invalid registration entry: entry ID contains invalid characters"),
        ({"id": "a" * 256}, "invalid registration entry: entry ID too long"),
        ({"x509_svid_ttl": -1}, "invalid registration entry: X509SvidTtl is not set"),
        ({"jwt_svid_ttl": -1}, "invalid registration entry: JwtSvidTtl is not set"),
        (
            {"store_svid": True, "selectors": MIXED},
            "invalid registration entry: selector types must be the same when store SVID is enabled",
        ),
        (
            {"store_svid": True, "disable_x509_svid_prefetch": True},
            "specifying cache behaviour is incompatible with storable SVIDs",
        ),
    ],
)
def test_refuses_in_spires_words(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        check_entry(replace(ENTRY, **wrong))
    assert str(caught.value) == f"datastore-validation: {message}"
