"""The exceptions of py-spiffe, for programs that catch them; the message ends with our reason."""

from __future__ import annotations

from typing import ClassVar, Never

from finial.errors import Unsupported


class PySpiffeError(Exception):
    """Base of all here."""


class ArgumentError(PySpiffeError):
    """An argument is missing or malformed."""


class SpiffeIdError(PySpiffeError):
    """Text that is no SPIFFE ID."""


class TrustDomainError(PySpiffeError):
    """Text that is no trust domain."""


class JwtSvidError(PySpiffeError):
    """A JWT-SVID that is malformed or not to be trusted."""


class InvalidTokenError(JwtSvidError):
    """What `JwtSvid.parse_and_validate` refuses."""


class X509SvidError(PySpiffeError):
    """An X.509-SVID that cannot be read."""


class _Told(PySpiffeError):
    """Begins with what was going on."""

    what: ClassVar[str]

    def __init__(self, detail: str = "none") -> None:
        super().__init__(f"{self.what}: {detail}")


class WorkloadApiError(PySpiffeError):
    """The Workload API did not give what was asked for."""


class FetchX509SvidError(_Told, WorkloadApiError):
    what = "Error fetching X.509 SVID"


class FetchX509BundleError(_Told, WorkloadApiError):
    what = "Error fetching X.509 Bundle"


class FetchJwtSvidError(_Told, WorkloadApiError):
    what = "Error fetching JWT SVID"


class FetchJwtBundleError(_Told, WorkloadApiError):
    what = "Error fetching JWT Bundle"


class ValidateJwtSvidError(_Told, WorkloadApiError):
    what = "JWT SVID is not valid"


class X509SourceError(_Told, WorkloadApiError):
    what = "X.509 Source error"


class JwtSourceError(_Told, WorkloadApiError):
    what = "JWT Source error"


def not_offered(what: str, instead: str) -> Never:
    """Raises: Unsupported."""
    raise Unsupported(f"finial.client.pyspiffe: {what} is not offered", hint=instead)
