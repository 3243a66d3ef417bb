"""CAs below an upstream authority."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from finial.authority.ca import X509Ca, self_signed
from finial.authority.journal import Status
from finial.authority.policy import Policy
from finial.authority.slots import Slots
from finial.authority.upstream import (
    ca_of,
    check_upstream_id,
    is_vouched_for,
    require_no_upstream,
    require_upstream,
)
from finial.errors import FailedPrecondition, InvalidArgument
from finial.plugin.kinds import MintedCa
from finial.spiffe.trust_domain import TrustDomain
from finial.testing.ca import TestCa

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
KEY = ec.generate_private_key(ec.SECP256R1())
POLICY = Policy(trust_domain=TrustDomain("example.org"))
ROOT = TestCa(now=NOW)


def below(*issuers: TestCa, root: TestCa = ROOT) -> X509Ca:
    signer = issuers[0] if issuers else root
    ours = TestCa(name="ours", issuer=signer, private_key=KEY, now=NOW)
    return ca_of(MintedCa((ours.der, *(one.der for one in issuers)), (root.der,)), POLICY, KEY, NOW)


def test_a_ca_is_taken_with_its_chain_and_its_roots() -> None:
    middle = TestCa(name="middle", issuer=ROOT, now=NOW)
    ca = below(middle)
    assert ca.upstream_chain[1:] == (middle.der,) and ca.roots == (ROOT.der,)
    assert ca.upstream_authority_id == middle.subject_key_id.hex()


def test_a_ca_that_nobody_could_verify_is_refused() -> None:
    refused = "X509 CA minted by upstream authority is invalid: "
    with pytest.raises(InvalidArgument, match=refused + "X509 CA produced an invalid X509-SVID chain"):
        ca_of(MintedCa(below().upstream_chain, (TestCa(now=NOW).der,)), POLICY, KEY, NOW)
    narrow = TestCa(now=NOW, path_length=0)
    with pytest.raises(InvalidArgument, match="too many intermediates"):
        below(root=narrow)
    with pytest.raises(InvalidArgument, match=refused + "upstream authority signed another key"):
        ca_of(MintedCa((ROOT.der,), (ROOT.der,)), POLICY, KEY, NOW)


def test_a_recorded_ca_is_used_as_long_as_a_root_vouches_for_it() -> None:
    record = below().record("A", 0)
    assert is_vouched_for(record, [TestCa(now=NOW).der, ROOT.der], NOW)
    assert not is_vouched_for(record, [TestCa(now=NOW).der], NOW)
    assert not is_vouched_for(record, [ROOT.der], NOW + timedelta(days=1))
    own = self_signed(POLICY, KEY, NOW)
    assert is_vouched_for(own.record("A", 0), [own.certificate], NOW)


def test_only_what_signed_the_old_ca_alone_may_be_tainted() -> None:
    record = replace(below().record("A", 0), status=Status.ACTIVE, upstream_authority_id="new")
    old = replace(record, slot_id="B", status=Status.OLD, upstream_authority_id="old")
    check_upstream_id(Slots(record, old), "old")
    prepared = replace(old, status=Status.PREPARED)
    for slots, key_id, refusal in (
        (Slots(record, old), "", "no subject key ID provided"),
        (Slots(record, old), "new", "unable to use upstream authority singing current authority"),
        (Slots(record, old), "other", "upstream authority didn't sign the old local authority"),
        (Slots(record), "old", "upstream authority didn't sign the old local authority"),
        (Slots(record, prepared), "old", "only upstream authorities signing an old authority can be used"),
    ):
        with pytest.raises(InvalidArgument, match=refusal):
            check_upstream_id(slots, key_id)


def test_who_may_be_tainted_depends_on_who_signs() -> None:
    require_upstream(True)
    with pytest.raises(FailedPrecondition, match="upstream authority is not configured"):
        require_upstream(False)
    require_no_upstream(False, "tainted")
    with pytest.raises(FailedPrecondition, match="local authority can't be revoked if there is an upstream"):
        require_no_upstream(True, "revoked")
