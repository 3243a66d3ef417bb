from __future__ import annotations

from collections.abc import Callable

import pytest

from finial.cli import localauthority
from finial.cli.localauthority import JWT, X509, authority_text, state_text
from finial.testing.transcripts import Outcome
from finial.wire.pb.spire.api.server.localauthority.v1 import localauthority_pb2 as wire

Call = Callable[..., Outcome]

ONE = wire.AuthorityState(authority_id="one", expires_at=4102444800)


def test_each_kind_has_every_step() -> None:
    paths = [one.path for one in localauthority.COMMANDS]
    steps = ("show", "prepare", "activate", "taint", "revoke")
    assert sorted(paths) == sorted(
        f"localauthority {kind} {step}" for kind in ("x509", "jwt") for step in steps
    )


def test_a_slot_without_an_authority_is_told() -> None:
    assert list(state_text(JWT, wire.GetJWTAuthorityStateResponse(prepared=ONE))) == [
        "Active JWT authority:",
        "  No active JWT authority found",
        "",
        "Prepared JWT authority:",
        "  Authority ID: one",
        "  Expires at: 2100-01-01 00:00:00 +0000 UTC",
        "",
        "Old JWT authority:",
        "  No old JWT authority found",
    ]


def test_the_authority_above_is_told_of_x509_only() -> None:
    signed = wire.AuthorityState(authority_id="one", upstream_authority_subject_key_id="above")
    assert list(authority_text(X509, signed))[-1] == "  Upstream authority Subject Key ID: above"
    assert list(authority_text(X509, ONE))[-1] == "  Upstream authority ID: No upstream authority"
    assert not [line for line in authority_text(JWT, signed) if "pstream" in line]


@pytest.mark.parametrize("step", ["activate", "taint", "revoke"])
def test_a_step_wants_to_know_which_and_says_where_that_is_told(step: str, call: Call) -> None:
    assert call("localauthority", "x509", step) == Outcome(
        1,
        "",
        "Error: an authority ID is required\nhint: `finial localauthority x509 show` tells the IDs\n",
    )
