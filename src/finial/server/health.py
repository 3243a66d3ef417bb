"""The server's health: what `/live` and `/ready` are made of. Names and details are SPIRE 1.15's."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import ec

from finial.authority.ca import public_bytes
from finial.errors import FinialError
from finial.runtime.health import Checks, State
from finial.server.api.backend import Backend


def add_checks(checks: Checks, backend: Backend) -> None:
    """Three: the API's bundle, the CA, the datastore."""
    checks.add("server", lambda: _check_server(backend))
    checks.add("server.ca", lambda: _check_ca(backend))
    checks.add("catalog.datastore", lambda: _check_datastore(backend))


async def _check_server(backend: Backend) -> State:
    try:
        await backend.own_bundle()
    except FinialError as why:
        return _down("get_bundle_err", why)
    return _well()


async def _check_ca(backend: Backend) -> State:
    """Signs an SVID for a key that is thrown away."""
    key = public_bytes(ec.generate_private_key(ec.SECP256R1()))
    try:
        await backend.signer.x509(lambda policy: policy.server(key))
    except FinialError as why:
        return _down("sign_x509_svid_err", why)
    return _well()


async def _check_datastore(backend: Backend) -> State:
    try:
        await backend.store.bundles()
    except FinialError as why:
        return _down("list_bundle_err", why)
    return _well()


def _well() -> State:
    return State(live=True, ready=True, live_details={}, ready_details={})


def _down(name: str, why: FinialError) -> State:
    details = {name: why.message}
    return State(live=False, ready=False, live_details=details, ready_details=details)
