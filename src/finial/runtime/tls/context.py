"""TLS contexts that follow the bundle and the SVID, check the peer in the handshake and never resume.

`ssl.SSLContext` cannot drop a root. What a server or a client library holds is a FollowingContext: it has
no keys of its own and hands each connection to an inner context, which is immutable and is built anew by
`set`. asyncio, uvloop, anyio and blocking sockets all call `wrap_bio` or `wrap_socket` once a connection,
and `do_handshake` is the one place where a peer is accepted. Trust changes hold from the next handshake;
connections that live keep the trust they were made under: compare `generation`, or subscribe.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from finial.runtime.tls.hello import may_resume
from finial.runtime.tls.material import Material, build
from finial.runtime.tls.verdict import Accepted, Authorizer, PeerRefused, judge, verified_chain

NO_IDENTITY = "this server has no identity yet"


@dataclass(frozen=True, slots=True)
class _Current:
    """What holds for a new connection; replaced as a whole, so threads see one or the other."""

    inner: ssl.SSLContext
    material: Material
    generation: int


class _Judged:
    """Mixed into SSLObject and SSLSocket: what a connection of a FollowingContext knows."""

    server_side: Any  # these three are the bases' own
    session_reused: Any
    _sslobj: Any

    owner: FollowingContext
    current: _Current
    accepted: Accepted | None = None  # None: the peer showed no certificate (or the handshake goes on)
    bios: tuple[ssl.MemoryBIO, ssl.MemoryBIO] | None = None
    failure: ssl.SSLError | None = None
    hello_seen = False

    def do_handshake(self, *args: Any) -> None:
        if self.failure is not None:
            raise self.failure
        if self.server_side and self.bios is not None and not self.hello_seen:
            self._leave_session_cache(self.bios)
        try:
            super().do_handshake(*args)  # type: ignore[misc]
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as error:
            raise self._refused(error) from error
        try:
            self.accepted = self._verdict()
        except PeerRefused as error:
            self.owner.report(error)
            raise

    def _verdict(self) -> Accepted | None:
        if self.session_reused:
            raise PeerRefused("resumed TLS session refused: it skips the trust of today")
        chain = verified_chain(self)  # type: ignore[arg-type]
        if not chain:
            if self.current.inner.verify_mode is ssl.CERT_REQUIRED:
                raise PeerRefused("peer showed no certificate")
            return None
        return judge(chain, self.current.material, self.owner.authorize)

    def _refused(self, error: ssl.SSLError) -> ssl.SSLError:
        """The error to raise now.

        asyncio and uvloop flush outgoing bytes on success and on "want" only: without a "want" the alert
        that tells the peer why is lost, and it sees a bare end. The next call raises the error itself. A
        client raises at once: its caller needs the reason more than the server does.
        """
        if self.server_side and not self.current.material.chain:
            error = ssl.SSLError(ssl.SSL_ERROR_SSL, NO_IDENTITY)
        self.owner.report(error)
        if self.server_side and self.bios is not None and self.bios[1].pending:
            self.failure = error
            return ssl.SSLWantReadError(ssl.SSL_ERROR_WANT_READ, "alert first")
        return error

    def _leave_session_cache(self, bios: tuple[ssl.MemoryBIO, ssl.MemoryBIO]) -> None:
        """A hello that names a session gets a context whose session cache is empty.

        Cutting the resumed handshake would fail such a client for ever, since it keeps its session; with
        an empty cache it gets a full handshake and never notices.
        """
        incoming, outgoing = bios
        hello = incoming.read()
        incoming.write(hello)
        verdict = may_resume(hello)
        if verdict is None:
            raise ssl.SSLWantReadError(ssl.SSL_ERROR_WANT_READ, "hello incomplete")
        self.hello_seen = True
        if verdict:
            fresh: Any = self.owner.fresh(self.current.material).wrap_bio(
                incoming, outgoing, server_side=True
            )
            self._sslobj = fresh._sslobj


class JudgedObject(_Judged, ssl.SSLObject):
    """One connection over memory: asyncio, uvloop, anyio."""


class JudgedSocket(_Judged, ssl.SSLSocket):
    """One connection over a blocking socket: httpx.Client, http.client."""


class FollowingContext(ssl.SSLContext):
    """Given once to asyncio, uvloop, httpx, uvicorn; `set` changes what holds from the next handshake.

    A server asks for a certificate and takes connections without (`client_auth=ssl.CERT_OPTIONAL`); one
    that is shown must be right. A client always requires one. `authorize` is asked for each ID that the
    bundle of its own trust domain vouches for. `set` may be called from any thread.
    """

    authorize: Authorizer
    _server_side: bool
    _client_auth: ssl.VerifyMode

    def __new__(
        cls,
        material: Material,
        authorize: Authorizer,
        *,
        server_side: bool = False,
        client_auth: ssl.VerifyMode = ssl.CERT_OPTIONAL,
    ) -> FollowingContext:
        self = super().__new__(cls, ssl.PROTOCOL_TLS_SERVER if server_side else ssl.PROTOCOL_TLS_CLIENT)
        self._server_side, self._client_auth = server_side, client_auth
        self._forced_alpn = None
        self._subscribers = {}
        self._refusals = {}
        return self

    def __init__(
        self,
        material: Material,
        authorize: Authorizer,
        *,
        server_side: bool = False,
        client_auth: ssl.VerifyMode = ssl.CERT_OPTIONAL,
    ) -> None:
        self.authorize = authorize
        if not server_side:
            self.check_hostname = False  # asyncio and httpcore look at the outer context
        self._current = _Current(self.fresh(material), material, 0)

    _current: _Current
    _forced_alpn: tuple[str, ...] | None
    _subscribers: dict[object, Callable[[], None]]
    _refusals: dict[object, Callable[[str], None]]

    @property
    def generation(self) -> int:
        """Raised by one with each `set`."""
        return self._current.generation

    @property
    def material(self) -> Material:
        return self._current.material

    def set(self, material: Material) -> None:
        """New trust or identity, for handshakes that begin from now on.

        Raises: InvalidArgument for material that OpenSSL cannot use; then nothing changes.
        """
        self._current = _Current(self.fresh(material), material, self._current.generation + 1)
        for tell in tuple(self._subscribers.values()):
            tell()

    def on_change(self, tell: Callable[[], None]) -> Callable[[], None]:
        """`tell` is called after each `set`, in its thread: close pooled connections. Returns: unsubscribe."""
        return _added(self._subscribers, tell)

    def on_refusal(self, tell: Callable[[str], None]) -> Callable[[], None]:
        """`tell` gets the reason of each failed handshake, which the error of the loop often hides."""
        return _added(self._refusals, tell)

    def report(self, error: ssl.SSLError) -> None:
        for tell in tuple(self._refusals.values()):
            tell(str(error))

    def fresh(self, material: Material) -> ssl.SSLContext:
        """An inner context of its own, with an empty session cache."""
        if self._forced_alpn is not None:
            material = replace(material, alpn=self._forced_alpn)
        inner = build(material, server_side=self._server_side, client_auth=self._client_auth)
        inner.sslobject_class = JudgedObject
        inner.sslsocket_class = JudgedSocket
        return inner

    def set_alpn_protocols(self, alpn_protocols: Iterable[str]) -> None:
        """httpcore calls this before each connection; from then on it wins over the material's."""
        wanted = tuple(alpn_protocols)
        if wanted != self._forced_alpn:
            self._forced_alpn = wanted
            current = self._current
            self._current = replace(current, inner=self.fresh(current.material))

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """A session that is offered is left out: nothing resumes."""
        current = self._current
        made: Any = current.inner.wrap_bio(
            incoming, outgoing, server_side=server_side, server_hostname=server_hostname
        )
        made.owner, made.current, made.bios = self, current, (incoming, outgoing)
        return made  # type: ignore[no-any-return]

    def wrap_socket(
        self,
        sock: Any,
        server_side: bool = False,
        do_handshake_on_connect: bool = True,
        suppress_ragged_eofs: bool = True,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLSocket:
        """Shakes hands here, so that a refusal closes the socket before a byte of the request has left."""
        current = self._current
        # A blocking server cannot look into the hello: each connection gets its own session cache.
        inner = self.fresh(current.material) if server_side else current.inner
        made: Any = inner.wrap_socket(
            sock,
            server_side=server_side,
            do_handshake_on_connect=False,
            suppress_ragged_eofs=suppress_ragged_eofs,
            server_hostname=server_hostname,
        )
        made.owner, made.current = self, current
        if do_handshake_on_connect:
            try:
                made.do_handshake()
            except BaseException:
                made.close()
                raise
        return made  # type: ignore[no-any-return]


def _added(where: dict[object, Any], tell: Callable[..., None]) -> Callable[[], None]:
    key = object()
    where[key] = tell

    def remove() -> None:
        where.pop(key, None)

    return remove
