"""Both libraries against the same Workload API: what one answers, the other answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import spiffe
import spiffe.workloadapi.errors as their_errors

from finial.client import pyspiffe
from finial.client.pyspiffe import errors
from finial.client.pyspiffe.api import told_as
from finial.errors import FinialError, PermissionDenied
from finial.testing.ca import TestCa
from finial.testing.workload import NO_IDENTITY, WorkloadApiServer

CA = TestCa()
PARTNER = TestCa("partner.test")
LIBRARIES: list[Any] = [spiffe, pyspiffe]


def beside_an_agent(
    folder: Path, program: Callable[[str], None], answer: FinialError | None = None
) -> WorkloadApiServer:
    """Runs `program(address)` in a thread."""

    async def scenario() -> WorkloadApiServer:
        async with WorkloadApiServer(folder / "api.sock") as served:
            if answer is None:
                served.serve(CA, "/web", "/api", federated=[PARTNER])
            else:
                served.answer(answer)
            await asyncio.to_thread(program, served.address)
        return served

    return asyncio.run(scenario())


def x509_facts(svid: Any) -> tuple[Any, ...]:
    return str(svid.spiffe_id), svid.leaf, svid.cert_chain, svid.private_key.private_numbers()


def bundle_facts(bundles: Any) -> dict[str, Any]:
    return {
        one.trust_domain.name: getattr(one, "x509_authorities", None) or one.jwt_authorities
        for one in bundles
    }


def test_x509_answers_are_those_of_py_spiffe(tmp_path: Path) -> None:
    facts: list[Any] = []

    def program(address: str) -> None:
        for library in LIBRARIES:
            with library.WorkloadApiClient(address) as client:
                context = client.fetch_x509_context()
                facts.append(
                    [
                        x509_facts(client.fetch_x509_svid()),
                        [x509_facts(one) for one in client.fetch_x509_svids()],
                        [x509_facts(one) for one in context.x509_svids],
                        bundle_facts(context.x509_bundle_set.bundles),
                        bundle_facts(client.fetch_x509_bundles(timeout=5).bundles),
                        client.get_spiffe_endpoint_socket(),
                    ]
                )

    beside_an_agent(tmp_path, program)
    assert facts[0] == facts[1]
    assert set(facts[1][3]) == {"example.org", "partner.test"}


def test_jwt_answers_are_those_of_py_spiffe(tmp_path: Path) -> None:
    facts: list[Any] = []

    def program(address: str) -> None:
        for library in LIBRARIES:
            with library.WorkloadApiClient(address) as client:
                subject = library.SpiffeId("spiffe://example.org/api")
                svids = client.fetch_jwt_svids({"one", "two"})
                token = client.fetch_jwt_svid({"one"}, subject)
                bundles = client.fetch_jwt_bundles()
                own = bundles.get_bundle_for_trust_domain(library.TrustDomain("example.org"))
                checked = library.JwtSvid.parse_and_validate(token.token, own, {"one"})
                agents = client.validate_jwt_svid(token.token, "one")
                facts.append(
                    [
                        [(str(one.spiffe_id), one.audience) for one in svids],
                        [(str(one.spiffe_id), one.audience) for one in (token, checked, agents)],
                        bundle_facts(bundles.bundles),
                    ]
                )

    beside_an_agent(tmp_path, program)
    assert facts[0] == facts[1]


@pytest.mark.parametrize(
    ("method", "arguments", "kind"),
    [
        ("fetch_x509_svid", (), "FetchX509SvidError"),
        ("fetch_x509_bundles", (), "FetchX509BundleError"),
        ("fetch_jwt_svid", ({"one"},), "FetchJwtSvidError"),
        ("fetch_jwt_bundles", (), "FetchJwtBundleError"),
        ("validate_jwt_svid", ("token", "one"), "ValidateJwtSvidError"),
    ],
)
def test_refusals_are_those_of_py_spiffe(
    tmp_path: Path, method: str, arguments: tuple[Any, ...], kind: str
) -> None:
    def program(address: str) -> None:
        with spiffe.WorkloadApiClient(address) as client:
            with pytest.raises(getattr(their_errors, kind)):
                getattr(client, method)(*arguments)
        with pyspiffe.WorkloadApiClient(address) as ours:
            with pytest.raises(getattr(errors, kind)) as raised:
                getattr(ours, method)(*arguments)
            if method != "validate_jwt_svid":  # that one is refused here: it is no token
                assert "no identity issued" in str(raised.value)

    beside_an_agent(tmp_path, program, NO_IDENTITY)


@pytest.mark.parametrize("library", LIBRARIES, ids=["py-spiffe", "finial"])
def test_arguments_are_checked(tmp_path: Path, library: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPIFFE_ENDPOINT_SOCKET", raising=False)
    wrong = spiffe.errors.ArgumentError if library is spiffe else errors.ArgumentError

    def program(address: str) -> None:
        for socket in (None, "http://x/y", f"unix://{tmp_path}/nobody.sock", "unix://host/path"):
            with pytest.raises(wrong, match="Invalid WorkloadApiClient configuration"):
                library.WorkloadApiClient(socket)
        with library.WorkloadApiClient(address) as client:
            for call, given in (
                (client.fetch_jwt_svid, (set(),)),
                (client.fetch_jwt_svids, (set(),)),
                (client.validate_jwt_svid, ("", "one")),
                (client.validate_jwt_svid, ("token", "")),
            ):
                with pytest.raises(wrong):
                    call(*given)

    beside_an_agent(tmp_path, program)


def test_a_late_answer_is_an_error(tmp_path: Path) -> None:
    class Silent(WorkloadApiServer):
        async def FetchX509SVID(self, stream: Any) -> None:
            await stream.recv_message()
            await asyncio.Event().wait()

    def program(address: str) -> None:
        with pyspiffe.WorkloadApiClient(address, default_timeout=0.02) as client:
            with pytest.raises(errors.FetchX509SvidError, match=r"no answer within 0\.02 s"):
                client.fetch_x509_svid()

    async def scenario() -> None:
        async with Silent(tmp_path / "api.sock") as served:
            await asyncio.to_thread(program, served.address)

    asyncio.run(scenario())


def test_a_kind_of_ours_is_kept_as_the_cause() -> None:
    with pytest.raises(errors.FetchJwtSvidError) as raised:
        with told_as(errors.FetchJwtSvidError):
            raise PermissionDenied("no")
    assert isinstance(raised.value.__cause__, PermissionDenied)
