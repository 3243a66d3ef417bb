from __future__ import annotations

import pytest

from finial.client import identity
from finial.client.pyspiffe import X509BundleSet, X509Context
from finial.client.pyspiffe.errors import ArgumentError
from finial.spiffe.bundle import BundleSet
from finial.svid import x509
from finial.testing.ca import TestCa


def test_the_default_is_the_first() -> None:
    ca = TestCa()
    issued = [ca.leaf(path) for path in ("/web", "/api")]
    held = tuple(identity.Identity(x509.parse(one.chain), one.key) for one in issued)
    made = X509Context.of(identity.X509Context(held, BundleSet()))
    assert [one.spiffe_id.path for one in made.x509_svids] == ["/web", "/api"]
    assert made.default_svid is made.x509_svids[0]
    assert made.x509_bundle_set.bundles == set()


def test_a_context_without_svids_is_none() -> None:
    with pytest.raises(ArgumentError, match="cannot be empty"):
        X509Context([], X509BundleSet(None))
