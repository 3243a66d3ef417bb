"""Each client fetches, verifies and follows its SVIDs, and is refused as the Workload API says."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from finial.spiffe.bundle import Bundle, X509Authority
from finial.spiffe.trust_domain import TrustDomain
from finial.testing.ca import TestCa
from finial.testing.domain import Domain
from finial.testing.workload_program import Event, Failed, WorkloadProgram

NewProgram = Callable[[str, Domain], WorkloadProgram]
KINDS = ("go-spiffe", "py-spiffe", "finial")
WITH_HINTS = ("go-spiffe", "finial")  # py-spiffe drops them

each_kind = pytest.mark.parametrize("kind", KINDS)


def ids(event: Event) -> list[str]:
    return [svid["id"] for svid in event["svids"]]


def serials(event: Event) -> list[str]:
    return [svid["serial"] for svid in event["svids"]]


def is_update(event: Event) -> bool:
    return "svids" in event


@each_kind
async def test_fetches_svids_that_its_library_verifies(
    kind: str, domain: Domain, new_program: NewProgram
) -> None:
    program = new_program(kind, domain)
    await domain.register(f"{kind}/first", program.selector)
    await domain.register(f"{kind}/second", program.selector)
    told = await program.tell("x509")
    assert sorted(ids(told)) == [f"spiffe://example.org/{kind}/{name}" for name in ("first", "second")]
    assert told["bundles"] == ["example.org"]


@each_kind
async def test_fetches_a_token_that_its_library_and_the_agent_accept(
    kind: str, domain: Domain, new_program: NewProgram
) -> None:
    program = new_program(kind, domain)
    await domain.register(f"{kind}/token", program.selector)
    told = await program.tell("jwt", "-audience", "payments")
    assert told["id"] == told["agent"] == f"spiffe://example.org/{kind}/token"


@each_kind
async def test_a_program_that_no_entry_selects_gets_nothing(
    kind: str, domain: Domain, new_program: NewProgram
) -> None:
    with pytest.raises(Failed, match="no identity issued|PermissionDenied|PERMISSION_DENIED"):
        await new_program(kind, domain).tell("x509")


@each_kind
async def test_sees_each_rotation_with_a_new_certificate(
    kind: str, domain: Domain, new_program: NewProgram
) -> None:
    program = new_program(kind, domain)
    await domain.register(f"{kind}/rotating", program.selector, ttl=6)
    async with program.running("watch", "-count", "4") as events:
        told = [await events.next(is_update) for _ in range(4)]
        await events.end()
    assert len({serial for event in told for serial in serials(event)}) == 4
    assert {svid for event in told for svid in ids(event)} == {f"spiffe://example.org/{kind}/rotating"}


@each_kind
async def test_sees_a_new_id_and_a_federated_bundle_as_soon_as_the_entry_names_them(
    kind: str, domain: Domain, new_program: NewProgram
) -> None:
    other = f"{kind}.example"
    ca = TestCa(other)
    await domain.federate(Bundle(TrustDomain(other), (X509Authority(ca.der),)))
    program = new_program(kind, domain)
    entry = await domain.register(f"{kind}/before", program.selector)
    async with program.running("watch", "-count", "100") as events:
        assert (await events.next(is_update))["bundles"] == ["example.org"]
        await domain.update(entry, federates_with=[other])
        told = await events.next(lambda event: is_update(event) and len(event["bundles"]) > 1)
        assert sorted(told["bundles"]) == sorted(["example.org", other])


@pytest.mark.parametrize("kind", WITH_HINTS)
async def test_gets_the_hint_of_its_entry_and_its_change(
    kind: str, domain: Domain, new_program: NewProgram
) -> None:
    program = new_program(kind, domain)
    entry = await domain.register(f"{kind}/hinted", program.selector, hint="external")
    assert (await program.tell("x509"))["svids"][0]["hint"] == "external"
    await domain.update(entry, hint="internal")
    assert (await program.tell("x509"))["svids"][0]["hint"] == "internal"


@each_kind
async def test_a_deleted_entry_ends_the_stream_and_a_new_one_is_found_without_a_restart(
    kind: str, domain: Domain, new_program: NewProgram
) -> None:
    program = new_program(kind, domain)
    entry = await domain.register(f"{kind}/old", program.selector)
    async with program.running("watch", "-count", "2") as events:
        assert ids(await events.next(is_update)) == [f"spiffe://example.org/{kind}/old"]
        await domain.delete(entry)
        ended = await events.next(lambda event: "error" in event)
        assert ended["error"] == "PermissionDenied"
        await domain.register(f"{kind}/new", program.selector)
        assert ids(await events.next(is_update)) == [f"spiffe://example.org/{kind}/new"]
        await events.end()


@each_kind
async def test_a_call_without_the_security_header_is_refused(
    kind: str, domain: Domain, new_program: NewProgram
) -> None:
    told = await new_program(kind, domain).tell("bare")
    assert told == {"error": "InvalidArgument", "message": "security header missing from request"}
