"""py-spiffe's SpiffeId and TrustDomain: text in, compared with each other and with text.

As there, the scheme and the trust domain are taken in any case and kept in lower case.
"""

from __future__ import annotations

from finial.client.pyspiffe.errors import SpiffeIdError, TrustDomainError
from finial.errors import InvalidArgument
from finial.spiffe import id as ids
from finial.spiffe import trust_domain as domains

SCHEME = "spiffe://"


class TrustDomain:
    """From a name or from any SPIFFE ID of it. Raises: TrustDomainError."""

    def __init__(self, id_or_name: str) -> None:
        try:
            self._checked = domains.TrustDomain.parse(lowered(id_or_name))
        except InvalidArgument as why:
            raise TrustDomainError(f'Invalid trust domain "{id_or_name}": {why}') from why

    @property
    def name(self) -> str:
        return self._checked.name

    def as_spiffe_id(self) -> str:
        return SCHEME + self.name

    def checked(self) -> domains.TrustDomain:
        """As the rest of Finial knows it."""
        return self._checked

    def __str__(self) -> str:
        return self.name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TrustDomain | str) and self.name == str(other)

    def __hash__(self) -> int:
        return hash(self.name)


class SpiffeId:
    """Raises: SpiffeIdError."""

    def __init__(self, id: str) -> None:
        try:
            self._checked = ids.SpiffeId.parse(lowered(id))
        except InvalidArgument as why:
            raise SpiffeIdError(f'Invalid SPIFFE ID "{id}": {why}') from why

    @property
    def trust_domain(self) -> TrustDomain:
        return TrustDomain(self._checked.trust_domain.name)

    @property
    def path(self) -> str:
        return self._checked.path

    def __str__(self) -> str:
        return str(self._checked)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SpiffeId | str) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(self._checked)


def lowered(text: str) -> str:
    """All but the path."""
    scheme, separator, rest = text.rpartition("://") if "://" in text else ("", "", text)
    name, slash, path = rest.partition("/")
    return f"{scheme.lower()}{separator}{name.lower()}{slash}{path}"
