"""What operators may do to which authority, and the words of each refusal."""

from __future__ import annotations

from dataclasses import replace

import pytest

from finial.authority.by_hand import check_activation, revoked, tainted, upstream_revoked, upstream_tainted
from finial.authority.journal import JwtKeyRecord, Status, X509CaRecord
from finial.authority.rotation import Rotation, Transition
from finial.authority.slots import Kind, Slots
from finial.authority.steps import Revoke, Taint
from finial.errors import Internal, InvalidArgument

CA = X509CaRecord("A", 0, 10, b"", (), Status.ACTIVE, "active", "new-root")
KEY = JwtKeyRecord("A", 0, 10, "active", b"", Status.ACTIVE, "active")
OLD = {"slot_id": "B", "status": Status.OLD, "authority_id": "old"}
PREPARED = OLD | {"status": Status.PREPARED, "authority_id": "prepared"}


def state(second: dict[str, object]) -> Rotation:
    """An active authority of each kind, and a second one."""
    ca, key = replace(CA, **second, upstream_authority_id="old-root"), replace(KEY, **second)  # type: ignore[arg-type]
    return Rotation(x509=Slots(CA, ca), jwt=Slots(KEY, key))


ROTATED, EARLY = state(OLD), state(PREPARED)


@pytest.mark.parametrize("kind", Kind)
def test_the_old_authority_is_tainted_and_revoked_and_the_state_stays(kind: Kind) -> None:
    assert tainted(ROTATED, kind, "old") == Transition(ROTATED, (Taint(kind, "old"),))
    assert revoked(ROTATED, kind, "old") == Transition(ROTATED, (Revoke(kind, "old"),))


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize(
    ("given", "authority_id", "why"),
    [
        (ROTATED, "", "no authority ID provided"),
        (ROTATED, "active", "unable to taint current local authority"),
        (ROTATED, "unknown", "unexpected authority ID"),
        (Rotation(), "unknown", "unexpected authority ID"),
        (
            EARLY,
            "prepared",
            "only Old local authorities can be tainted: unsupported local authority status: PREPARED",
        ),
    ],
)
def test_refusals_of_taint(kind: Kind, given: Rotation, authority_id: str, why: str) -> None:
    with pytest.raises(InvalidArgument, match=f"^{why}$"):
        tainted(given, kind, authority_id)


@pytest.mark.parametrize(
    ("given", "kind", "authority_id", "why"),
    [
        (ROTATED, Kind.X509, "", "no authority ID provided"),
        (ROTATED, Kind.X509, "active", "unable to use current authority"),
        (ROTATED, Kind.X509, "unknown", "only Old local authority can be revoked"),
        (EARLY, Kind.X509, "prepared", "only Old local authority can be revoked"),
        (ROTATED, Kind.JWT, "active", "unable to use current authority"),
        (EARLY, Kind.JWT, "prepared", "unable to use a prepared key"),
        (ROTATED, Kind.JWT, "unknown", "no JWT authority found with provided authority ID"),
    ],
)
def test_refusals_of_revocation(given: Rotation, kind: Kind, authority_id: str, why: str) -> None:
    with pytest.raises(InvalidArgument, match=f"^invalid authority ID: {why}$"):
        revoked(given, kind, authority_id, ["active", "prepared"])


def test_a_jwt_authority_of_another_server_is_revoked_by_whoever_is_asked() -> None:
    assert revoked(ROTATED, Kind.JWT, "theirs", ["theirs"]).effects == (Revoke(Kind.JWT, "theirs"),)


def test_only_the_prepared_authority_may_be_activated() -> None:
    check_activation(EARLY, Kind.X509, "prepared")
    with pytest.raises(InvalidArgument, match="no authority ID provided"):
        check_activation(EARLY, Kind.X509, "")
    with pytest.raises(InvalidArgument, match="unexpected authority ID"):
        check_activation(EARLY, Kind.X509, "active")
    with pytest.raises(Internal, match="only Prepared authorities can be activated: .* status: OLD"):
        check_activation(ROTATED, Kind.X509, "old")


def test_the_root_above_the_old_ca_alone_is_tainted_and_revoked() -> None:
    assert upstream_tainted(ROTATED, "old-root").effects == (Taint(Kind.X509, "old-root"),)
    assert upstream_revoked(ROTATED, "old-root").effects == (Revoke(Kind.X509, "old-root"),)
    with pytest.raises(
        InvalidArgument, match="^provided subject key id is not valid: unable to use upstream"
    ):
        upstream_tainted(ROTATED, "new-root")
    with pytest.raises(InvalidArgument, match="^invalid subject key ID: no subject key ID provided$"):
        upstream_revoked(ROTATED, "")
