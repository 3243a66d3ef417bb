"""What composers make of a credential before it is signed: attributes in, attributes out, judged after each. Pure.

Composers are asked in the order of the configuration, each sees what the one before it made: SPIRE 1.15
`credtemplate`. No composer can change the SPIFFE ID, the key, the lifetime of a certificate or whether it is a
CA: the attributes do not hold them, and the extensions that do are refused. A token keeps its subject, keeps
`aud`, `exp` and `iat`, and does not outlive its key.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from cryptography.x509 import ObjectIdentifier

from finial.errors import FinialError, Internal, InvalidArgument
from finial.plugin.kinds import (
    CredentialComposer,
    Extension,
    JwtSvidAttributes,
    X509CaAttributes,
    X509SvidAttributes,
)
from finial.registry.dns_name import check_dns_name
from finial.spiffe.id import SpiffeId
from finial.svid.subject import Subject

# Key usages, basic constraints, alternative names and key identifiers: theirs to set is the profile's alone.
PROFILE = frozenset(f"2.5.29.{number}" for number in (14, 15, 17, 19, 35, 37))
POLICIES = "2.5.29.32"

Attributes = TypeVar("Attributes", X509CaAttributes, X509SvidAttributes, JwtSvidAttributes)


@dataclass(frozen=True, slots=True)
class Composition:
    """The composers by name, in the order of the configuration; false if there is none.

    Each method raises what a composer raises, and Internal for attributes that no credential can have.
    """

    composers: Mapping[str, CredentialComposer] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.composers)

    def server_ca(self, attributes: X509CaAttributes) -> X509CaAttributes:
        return self._through(attributes, lambda one, made: one.server_x509_ca(made), check_ca_attributes)

    def server(self, _: SpiffeId, __: bytes, attributes: X509SvidAttributes) -> X509SvidAttributes:
        return self._through(attributes, lambda one, made: one.server_x509_svid(made), check_svid_attributes)

    def agent(self, agent_id: SpiffeId, key: bytes, attributes: X509SvidAttributes) -> X509SvidAttributes:
        return self._through(
            attributes, lambda one, made: one.agent_x509_svid(agent_id, key, made), check_svid_attributes
        )

    def workload(self, spiffe_id: SpiffeId, key: bytes, attributes: X509SvidAttributes) -> X509SvidAttributes:
        return self._through(
            attributes, lambda one, made: one.workload_x509_svid(spiffe_id, key, made), check_svid_attributes
        )

    def workload_jwt(
        self, spiffe_id: SpiffeId, claims: Mapping[str, object], now: float, cap: float
    ) -> dict[str, object]:
        """Claims of a token for this ID that is signed at `now` and ends at `cap` at the latest: Unix seconds."""
        made = self._through(
            JwtSvidAttributes(dict(claims)),
            lambda one, made: one.workload_jwt_svid(spiffe_id, JwtSvidAttributes(dict(made.claims))),
            lambda made: check_claims(made.claims, spiffe_id, now, cap),
        )
        return dict(made.claims)

    def _through(
        self,
        attributes: Attributes,
        hook: Callable[[CredentialComposer, Attributes], Attributes],
        check: Callable[[Attributes], None],
    ) -> Attributes:
        for name, composer in self.composers.items():
            try:
                attributes = hook(composer, attributes)
            except FinialError as why:
                raise why.within(f"credentialcomposer({name})") from why
            try:
                check(attributes)
            except FinialError as why:
                raise Internal(f"credentialcomposer({name}): plugin returned {why.message}") from why
        return attributes


def check_ca_attributes(attributes: X509CaAttributes) -> None:
    """Raises: InvalidArgument."""
    try:
        _check_subject(attributes.subject)
        _check_extensions(attributes.extensions, PROFILE | {POLICIES} if attributes.policies else PROFILE)
        for one in attributes.policies:
            _check_oid(one)
    except FinialError as why:
        raise why.within("invalid X509CA attributes") from why


def check_svid_attributes(attributes: X509SvidAttributes) -> None:
    """Raises: InvalidArgument."""
    try:
        _check_subject(attributes.subject)
        _check_extensions(attributes.extensions, PROFILE)
        for name in attributes.dns_names:
            check_dns_name(name)
    except FinialError as why:
        raise why.within("invalid X509SVID attributes") from why


def _check_subject(subject: Subject) -> None:
    if subject.empty:
        raise InvalidArgument("subject: cannot be empty")
    subject.name()


def _check_extensions(extensions: tuple[Extension, ...], taken: frozenset[str]) -> None:
    seen = set(taken)
    for one in extensions:
        _check_oid(one.oid)
        if one.oid in seen:
            raise InvalidArgument(
                f'extra extensions: "{one.oid}" is not for a composer to set, or is set twice'
            )
        seen.add(one.oid)


def _check_oid(text: str) -> None:
    try:
        ObjectIdentifier(text)
    except ValueError as why:
        raise InvalidArgument(f'invalid OID "{text}"') from why


def check_claims(claims: Mapping[str, object], spiffe_id: SpiffeId, now: float, cap: float) -> None:
    """Raises: InvalidArgument, in the words of SPIRE's credvalidator where it has some."""
    if claims.get("sub") != str(spiffe_id):
        raise _claim("sub", f'expected "{spiffe_id}" but got "{claims.get("sub")}"')
    _required_time(claims, "iat")
    expires_at = _required_time(claims, "exp")
    if expires_at <= now:
        raise _claim("exp", "already expired")
    if expires_at > cap:
        raise _claim("exp", "later than the end of the key that signs")
    if "nbf" in claims and _required_time(claims, "nbf") > now:
        raise _claim("nbf", "not yet valid")
    _check_audience(claims.get("aud"))
    try:
        json.dumps(claims, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as why:
        raise InvalidArgument(f"invalid JWT-SVID claims: not JSON: {why}") from why


def _required_time(claims: Mapping[str, object], name: str) -> float:
    value = claims.get(name)
    if value is None:
        raise _claim(name, "required but missing")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _claim(name, "not a number")
    return value


def _check_audience(value: object) -> None:
    audience = [value] if isinstance(value, str) else value
    if not isinstance(audience, list | tuple) or not audience:
        raise _claim("aud", "required but missing")
    if not all(isinstance(one, str) and one for one in audience):
        raise _claim("aud", "contains empty value")


def _claim(name: str, why: str) -> InvalidArgument:
    return InvalidArgument(f'invalid JWT-SVID "{name}" claim: {why}')
