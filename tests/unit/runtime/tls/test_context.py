"""Handshakes in memory: who gets in, what changes with `set`, what a pool is told."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from finial.errors import InvalidArgument, PermissionDenied
from finial.runtime.tls import FollowingContext, Material, PeerRefused, peer_chain, peer_id
from finial.spiffe.id import SpiffeId
from finial.testing.ca import Issued, TestCa

OURS, THEIRS = TestCa(), TestCa("other.org")
TRUST = {"example.org": (OURS.der,)}
SERVER, CLIENT = OURS.leaf("/server"), OURS.leaf("/client")


def allow(_: SpiffeId) -> None: ...


def only(path: str) -> Callable[[SpiffeId], None]:
    def authorize(peer: SpiffeId) -> None:
        if peer.path != path:
            raise PermissionDenied(f'unexpected ID "{peer}"')

    return authorize


def holding(svid: Issued | None, bundles: Mapping[str, tuple[bytes, ...]] = TRUST) -> Material:
    return Material(bundles, svid.chain, svid.key) if svid else Material(bundles)


def server(svid: Issued | None = SERVER, **options: ssl.VerifyMode) -> FollowingContext:
    return FollowingContext(holding(svid), allow, server_side=True, **options)


def client(svid: Issued | None = CLIENT) -> FollowingContext:
    return FollowingContext(holding(svid), only("/server"))


class Line:
    """Two ends of a connection in memory; errors are kept per end."""

    def __init__(self, client_context: ssl.SSLContext, server_context: ssl.SSLContext) -> None:
        here, there = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.client = client_context.wrap_bio(here, there, server_side=False)
        self.server = server_context.wrap_bio(there, here, server_side=True)
        self.errors: dict[str, ssl.SSLError] = {}

    def shake(self) -> Line:
        for _ in range(6):
            for name, end in (("client", self.client), ("server", self.server)):
                if name not in self.errors:
                    try:
                        end.do_handshake()
                    except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                        pass
                    except ssl.SSLError as error:
                        self.errors[name] = error
        return self


def test_both_ends_know_each_other() -> None:
    line = Line(client(), server()).shake()
    assert not line.errors
    assert str(peer_id(line.client)) == "spiffe://example.org/server"
    assert str(peer_id(line.server)) == "spiffe://example.org/client"
    assert peer_chain(line.server) == (*CLIENT.chain, OURS.der)
    assert line.client.selected_alpn_protocol() == "h2"


def test_client_without_a_certificate_gets_in_where_it_is_optional() -> None:
    line = Line(client(None), server()).shake()
    assert not line.errors
    assert peer_id(line.server) is None
    assert peer_chain(line.server) is None


def test_client_without_a_certificate_is_refused_where_one_is_required() -> None:
    line = Line(client(None), server(client_auth=ssl.CERT_REQUIRED)).shake()
    assert "server" in line.errors
    assert peer_id(line.server) is None


def test_another_workload_of_the_domain_posing_as_the_server_is_refused() -> None:
    line = Line(client(), server(OURS.leaf("/other"))).shake()
    assert isinstance(line.errors["client"], PeerRefused)
    assert 'unexpected ID "spiffe://example.org/other"' in str(line.errors["client"])


def test_cross_domain_forgery_is_refused_on_both_ends() -> None:
    both = {**TRUST, "other.org": (THEIRS.der,)}
    forged = THEIRS.leaf(uris=["spiffe://example.org/server"])
    mine = FollowingContext(holding(CLIENT, both), only("/server"))
    assert "is not signed by the bundle" in str(Line(mine, server(forged)).shake().errors["client"])
    open_to_both = FollowingContext(holding(SERVER, both), allow, server_side=True)
    caught = Line(client(forged), open_to_both).shake().errors["server"]
    assert isinstance(caught, PeerRefused)


@pytest.mark.parametrize("name", ["root", "Root"])
def test_copy_of_our_root_in_a_foreign_bundle_does_not_lock_our_workloads_out(name: str) -> None:
    copy = TestCa("other.org", name=name, subject_key_id=OURS.subject_key_id)
    context = FollowingContext(holding(SERVER, {**TRUST, "other.org": (copy.der,)}), allow, server_side=True)
    assert not Line(client(), context).shake().errors


def test_of_a_foreign_domain_only_the_admins_get_in() -> None:
    """A server names an admin's domain in its bundles; the authorizer keeps the others of it out."""
    admins = {"spiffe://other.org/admin"}

    def authorize(peer: SpiffeId) -> None:
        if peer.trust_domain.name != "example.org" and str(peer) not in admins:
            raise PermissionDenied(f'"{peer}" is not an admin')

    bundles = {**TRUST, "other.org": (THEIRS.der,)}
    context = FollowingContext(holding(SERVER, bundles), authorize, server_side=True)
    trusting = FollowingContext(holding(None), only("/server"))

    def errors(svid: Issued) -> dict[str, ssl.SSLError]:
        trusting.set(holding(svid))
        return Line(trusting, context).shake().errors

    assert not errors(THEIRS.leaf("/admin"))
    assert not errors(CLIENT)
    assert '"spiffe://other.org/workload" is not an admin' in str(errors(THEIRS.leaf())["server"])
    context.set(holding(SERVER))
    assert "server" in errors(THEIRS.leaf("/admin"))


def test_chain_with_an_intermediate_is_verified_to_the_root() -> None:
    deep = OURS.intermediate().leaf("/server")
    line = Line(client(), server(deep)).shake()
    assert not line.errors
    assert peer_chain(line.client) == (*deep.chain, OURS.der)


def test_intermediate_may_be_the_only_anchor() -> None:
    middle = OURS.intermediate()
    mine = FollowingContext(holding(CLIENT, {"example.org": (middle.der,)}), only("/server"))
    assert not Line(mine, server(middle.leaf("/server"))).shake().errors
    assert "client" in Line(mine, server()).shake().errors


def test_expired_certificate_is_refused() -> None:
    old = OURS.leaf("/server", lifetime=timedelta(minutes=-1))
    assert "expired" in str(Line(client(), server(old)).shake().errors["client"])


def test_root_taken_away_counts_from_the_next_handshake() -> None:
    context = server()
    begun = Line(client(), context)
    context.set(holding(SERVER, {"example.org": (TestCa().der,)}))
    assert not begun.shake().errors  # began under the old trust
    line = Line(client(), context).shake()
    assert "server" in line.errors
    with pytest.raises(ssl.SSLError, match="alert unknown ca"):  # the alert got out
        line.client.read()


def test_new_svid_is_shown_from_the_next_handshake() -> None:
    context, renewed = server(), OURS.leaf("/server")
    context.set(holding(renewed))
    assert peer_chain(Line(client(), context).shake().client) == (*renewed.chain, OURS.der)


def test_material_that_cannot_be_used_changes_nothing() -> None:
    context = server()
    with pytest.raises(InvalidArgument):
        context.set(Material(TRUST, SERVER.chain, CLIENT.key))
    assert context.generation == 0
    assert not Line(client(), context).shake().errors


def test_subscribers_hear_of_each_change_until_they_leave() -> None:
    context, heard = server(), list[int]()
    leave = context.on_change(lambda: heard.append(context.generation))
    context.set(holding(SERVER))
    context.set(holding(SERVER))
    leave()
    context.set(holding(SERVER))
    assert heard == [1, 2]
    assert context.generation == 3


def test_server_without_an_identity_says_so() -> None:
    context, reasons = server(None), list[str]()
    context.on_refusal(reasons.append)
    line = Line(client(), context).shake()
    assert reasons == ["this server has no identity yet"]
    assert "this server has no identity yet" in str(line.errors["server"])
    assert "alert handshake failure" in str(line.errors["client"])


def test_reasons_of_refused_handshakes_are_told() -> None:
    context, reasons = client(), list[str]()
    context.on_refusal(reasons.append)
    Line(context, server(OURS.leaf("/other"))).shake()
    assert reasons == ['peer refused: unexpected ID "spiffe://example.org/other"']


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_no_session_is_ever_resumed(version: ssl.TLSVersion) -> None:
    plain = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    plain.maximum_version = version
    plain.check_hostname = False
    plain.load_verify_locations(cadata=OURS.der)
    context = server()
    first = Line(plain, context).shake()
    session = first.client.session
    here, there = ssl.MemoryBIO(), ssl.MemoryBIO()
    second = Line(plain, context)
    second.client = plain.wrap_bio(here, there, session=session)
    second.server = context.wrap_bio(there, here, server_side=True)
    second.shake()
    assert not second.errors
    assert second.client.session_reused is False
    assert second.server.session_reused is False


def test_alpn_set_from_outside_wins_and_survives_a_change() -> None:
    mine, theirs = client(), server()
    theirs.set(replace(theirs.material, alpn=("h2", "http/1.1")))
    mine.set_alpn_protocols(["http/1.1"])
    mine.set(holding(CLIENT))
    assert Line(mine, theirs).shake().client.selected_alpn_protocol() == "http/1.1"


def over_sockets(mine: FollowingContext, theirs: FollowingContext) -> tuple[str, str]:
    """Blocking sockets, as httpx.Client uses them: what each end says of the other, or why it ended."""
    here, there = socket.socketpair()
    here.settimeout(5)
    there.settimeout(5)

    def shake(context: FollowingContext, sock: socket.socket, server_side: bool) -> str:
        try:
            with context.wrap_socket(sock, server_side=server_side) as made:
                return str(peer_id(made))
        except OSError as error:
            assert sock.fileno() == -1  # the refusal closed it
            return str(error)

    with ThreadPoolExecutor(1) as pool:
        served = pool.submit(shake, theirs, there, True)
        return shake(mine, here, False), served.result()


def test_blocking_sockets_are_judged_too() -> None:
    assert over_sockets(client(), server()) == (
        "spiffe://example.org/server",
        "spiffe://example.org/client",
    )
    assert "unexpected ID" in over_sockets(client(), server(OURS.leaf("/other")))[0]
    assert "certificate verify failed" in over_sockets(client(TestCa().leaf("/client")), server())[1]
