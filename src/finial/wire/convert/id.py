"""`spire.api.types.SPIFFEID` and `Selector` <-> SpiffeId and Selector.

The three request readers differ in which IDs of the trust domain they let pass. Texts are SPIRE 1.15's
(`pkg/server/api/id.go`, `selector.go`), where the API puts "invalid agent ID: " and the like before.
"""

from __future__ import annotations

from collections.abc import Iterable

from finial.errors import InvalidArgument
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.spiffe.trust_domain import TrustDomain
from finial.wire.pb.spire.api.types import selector_pb2, spiffeid_pb2


def id_to_wire(value: SpiffeId) -> spiffeid_pb2.SPIFFEID:
    return spiffeid_pb2.SPIFFEID(trust_domain=value.trust_domain.name, path=value.path)


def id_from_wire(message: spiffeid_pb2.SPIFFEID | None) -> SpiffeId:
    """Any SPIFFE ID; its trust domain may carry the scheme. Raises: InvalidArgument."""
    if message is None:
        raise InvalidArgument("request must specify SPIFFE ID")
    return SpiffeId.of(TrustDomain.parse(message.trust_domain), message.path)


def member_id_from_request(message: spiffeid_pb2.SPIFFEID | None, trust_domain: TrustDomain) -> SpiffeId:
    """Any ID with a path, for example a parent. Raises: InvalidArgument."""
    found = _of_domain(message, trust_domain)
    if not found.path:
        raise InvalidArgument(f'"{found}" is not a member of trust domain "{trust_domain}"; path is empty')
    return found


def agent_id_from_request(message: spiffeid_pb2.SPIFFEID | None, trust_domain: TrustDomain) -> SpiffeId:
    """The ID of an attested agent. Raises: InvalidArgument."""
    found = _of_domain(message, trust_domain)
    if found.is_agent:
        return found
    why = "path is not in the agent namespace" if found.path else "path is empty"
    raise InvalidArgument(f'"{found}" is not an agent in trust domain "{trust_domain}"; {why}')


def workload_id_from_request(message: spiffeid_pb2.SPIFFEID | None, trust_domain: TrustDomain) -> SpiffeId:
    """An ID that a workload may hold. Raises: InvalidArgument."""
    return check_workload_id(_of_domain(message, trust_domain), trust_domain)


def check_workload_id(found: SpiffeId, trust_domain: TrustDomain) -> SpiffeId:
    """The ID itself if a workload of the trust domain may hold it. Raises: InvalidArgument."""
    _check_domain(found, trust_domain)
    if found.path and not found.is_reserved:
        return found
    why = "path is in the reserved namespace" if found.path else "path is empty"
    raise InvalidArgument(f'"{found}" is not a workload in trust domain "{trust_domain}"; {why}')


def selectors_to_wire(values: Iterable[Selector]) -> list[selector_pb2.Selector]:
    return [selector_pb2.Selector(type=one.type, value=one.value) for one in values]


def selectors_from_wire(messages: Iterable[selector_pb2.Selector]) -> tuple[Selector, ...]:
    """In the given order, repeated ones kept. Raises: InvalidArgument."""
    return tuple(Selector.of(one.type, one.value) for one in messages)


def trust_domains_from_wire(names: Iterable[str]) -> tuple[TrustDomain, ...]:
    """With or without the scheme, each once, in the given order. Raises: InvalidArgument."""
    return tuple(dict.fromkeys(TrustDomain.parse(name) for name in names))


def _of_domain(message: spiffeid_pb2.SPIFFEID | None, trust_domain: TrustDomain) -> SpiffeId:
    found = id_from_wire(message)
    _check_domain(found, trust_domain)
    return found


def _check_domain(found: SpiffeId, trust_domain: TrustDomain) -> None:
    if not found.member_of(trust_domain):
        raise InvalidArgument(f'"{found}" is not a member of trust domain "{trust_domain}"')
