"""What the lab is: its trust domain, its services, who calls whom and who may. Pure.

One namespace, `production`, as in the issue: user-service, payment-api and inventory-service. Each admits
the callers named here to its business route and answers everyone else 403, with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from finial.errors import NotFound
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.spiffe.trust_domain import TrustDomain

VERIFIER = "verifier"
VERIFIER_TTL = 600
SELECTOR_TYPE = "launcher"


@dataclass(frozen=True, slots=True)
class Service:
    """`ttl`: lifetime of its X.509-SVID in seconds. `admits`: services that may call `route`."""

    name: str
    ttl: int
    route: str
    answer: Mapping[str, object]
    admits: frozenset[str]


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a round: whom, which route, and whether it must be denied (403)."""

    service: str
    route: str
    denied: bool


@dataclass(frozen=True, slots=True)
class Topology:
    """Services in the order in which they start."""

    trust_domain: TrustDomain
    namespace: str
    services: tuple[Service, ...]

    @property
    def node(self) -> SpiffeId:
        """The alias of whichever agent serves this machine: parent of every entry."""
        return SpiffeId.of(self.trust_domain, "/lab/node")

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(one.name for one in self.services)

    def service(self, name: str) -> Service:
        """Raises: NotFound, with the names there are."""
        for one in self.services:
            if one.name == name:
                return one
        raise NotFound(f'no service is called "{name}": there are {", ".join(self.names)}')

    def id_of(self, name: str) -> SpiffeId:
        return SpiffeId.of(self.trust_domain, f"/ns/{self.namespace}/sa/{name}")

    def name_of(self, caller: SpiffeId) -> str:
        """The service's name; "" for an ID that is none of this namespace."""
        head, _, name = caller.path.rpartition("/")
        ours = caller.member_of(self.trust_domain) and head == f"/ns/{self.namespace}/sa"
        return name if ours else ""

    def calls_of(self, name: str) -> tuple[Call, ...]:
        """The business route of every other service, be it admitted there or not."""
        others = (one for one in self.services if one.name != name)
        return tuple(Call(one.name, one.route, name not in one.admits) for one in others)

    def with_ttl(self, ttl: int) -> Topology:
        """The same with one lifetime for all, to watch rotations."""
        return replace(self, services=tuple(replace(one, ttl=ttl) for one in self.services))


def selector_of(name: str) -> Selector:
    """What the agent's attestor `launcher` tells about a service that was handed over."""
    return Selector(SELECTOR_TYPE, f"service:{name}")


def _service(name: str, ttl: int, route: str, admits: set[str], **answer: object) -> Service:
    return Service(name, ttl, route, MappingProxyType(answer), frozenset(admits))


LAB = Topology(
    TrustDomain.parse("example.org"),
    "production",
    (
        _service("user-service", 1200, "/users", {"payment-api"}, users=["ada", "grace"]),
        _service("payment-api", 600, "/charges", {"user-service"}, charges=[{"user": "ada", "cents": 1250}]),
        _service("inventory-service", 1800, "/stock", {"user-service", "payment-api"}, stock={"buoys": 7}),
    ),
)
