"""What the solver accepts is never cut short by a scheduled rotation, whenever in it an SVID is signed."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from finial.authority.journal import Status, X509CaRecord
from finial.authority.rotation import Rotation
from finial.authority.slots import Kind
from finial.authority.steps import Prepare
from finial.authority.ttl import LARGEST, Lifetimes, largest_svid_ttl, smallest_ca_ttl

LOOK = 10  # seconds between looks at what is due, as in the server
NAMES = ("default_x509_svid_ttl", "default_jwt_svid_ttl", "agent_ttl")
TTLS = st.integers(1, 60 * 86_400)
SETS = st.builds(Lifetimes, st.integers(60, 400 * 86_400), st.dictionaries(st.sampled_from(NAMES), TTLS))


def ends_of_signers(ca_ttl: int, looks: int, look: int) -> Iterator[tuple[int, int]]:
    """Each look just before it acts, and the end of the CA that signs until then."""
    state, made = Rotation(), 0
    for now in range(0, looks * look, look):
        signer = state.x509.current
        if signer is not None:
            yield now, signer.not_after
        while (due := state.due(now)) is not None and due.kind is Kind.X509:
            if isinstance(due, Prepare):
                made += 1
                record = X509CaRecord(
                    slot_id=due.slot_id,
                    issued_at=now,
                    not_after=now + ca_ttl,
                    certificate=b"",
                    upstream_chain=(),
                    status=Status.PREPARED,
                    authority_id=f"ca-{made}",
                    upstream_authority_id="",
                )
                state = state.prepared_ca(record, ()).state
            else:
                state = state.activated(due.kind).state


@settings(max_examples=60, deadline=None)
@given(ca_ttl=st.integers(120, 90 * 86_400), looks_in_a_life=st.integers(24, 300))
def test_an_svid_that_fits_outlives_no_signer(ca_ttl: int, looks_in_a_life: int) -> None:
    """But for the time between two looks, which in the server is no longer than NotBefore is set back."""
    look = max(ca_ttl // looks_in_a_life, 1)
    ttl = int(largest_svid_ttl(ca_ttl))
    assert not Lifetimes(ca_ttl, {"x": ttl}).misfits()
    moments = list(ends_of_signers(ca_ttl, looks_in_a_life * 3, look))
    assert moments
    for now, end in moments:
        assert now + ttl <= end + look


def test_with_the_servers_own_interval() -> None:
    for now, end in ends_of_signers(7200, 2200, LOOK):
        assert now + 1200 <= end + LOOK


def test_what_does_not_fit_is_cut_short() -> None:
    """The bound is no lower than it need be."""
    assert any(now + 1200 + 2 * LOOK > end for now, end in ends_of_signers(7200, 2200, LOOK))


@given(SETS)
def test_both_ways_out_are_consistent_and_change_no_more_than_they_must(asked: Lifetimes) -> None:
    shorter, longer = asked.with_shorter_svids(), asked.with_longer_ca()
    assert shorter.misfits() == () and longer.misfits() == ()
    assert shorter.ca == asked.ca and longer.ca >= asked.ca
    if not asked.misfits():
        assert shorter == asked == longer
    for name, ttl in asked.svids.items():
        assert longer.svids[name] == min(ttl, LARGEST)
        assert shorter.svids[name] in (ttl, largest_svid_ttl(asked.ca))
    if longer.ca > asked.ca:
        assert longer.ca == max(map(smallest_ca_ttl, longer.svids.values()))
