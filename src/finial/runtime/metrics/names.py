"""Names of metrics and labels: what SPIRE calls a call, and what Prometheus and StatsD allow in a name.

A key is parts joined by dots, `rpc.agent.v1.agent.attest_agent`. SPIRE 1.15: pkg/common/api/middleware/names.go
(calls), pkg/common/telemetry/sanitize.go (labels), go-metrics (filters and the characters Prometheus forbids).
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

SHORT_SERVICES = {
    "SpiffeWorkloadAPI": "WorkloadAPI",
    "envoy.service.secret.v3.SecretDiscoveryService": "SDS.v3",
    "grpc.health.v1.Health": "Health",
    "logger.v1.Logger": "Logger",
    "spire.api.agent.logger.v1.Logger": "Logger",
    "spire.agent.debug.v1.Debug": "Debug",
    "spire.api.agent.debug.v1.Debug": "Debug",
    "spire.api.agent.delegatedidentity.v1.DelegatedIdentity": "DelegatedIdentity",
}
SERVER_PREFIX = "spire.api.server."
ODD_METHODS = {"SubscribeToX509SVIDs": "subscribe_to_x509_svids"}
FORBIDDEN = str.maketrans(" .=-/", "_____")
NOT_WORD = re.compile(r"[^0-9A-Za-z_]+_?")


@lru_cache(maxsize=1024)
def rpc_key(path: str) -> str:
    """`/spire.api.server.svid.v1.SVID/NewJWTSVID` -> `svid.v1.svid.new_jwtsvid`."""
    service, _, method = path.removeprefix("/").removeprefix(SERVER_PREFIX).partition("/")
    service = SHORT_SERVICES.get(service, service)
    return ".".join(snake_case(part) for part in [*service.split("."), ODD_METHODS.get(method, method)])


def snake_case(name: str) -> str:
    """An underscore before a capital that has a small letter on either side, as SPIRE splits `FetchJWTSVIDs`."""
    out = ""
    for at, one in enumerate(name):
        if not one.isalnum():
            out += "_"
            continue
        beside = name[max(at - 1, 0) : at] + name[at + 1 : at + 2]
        inside = 0 < at < len(name) - 1
        if inside and one.isupper() and any(other.islower() for other in beside) and out[-1] != "_":
            out += "_"
        out += one.lower()
    return out


def sanitized(text: str) -> str:
    """A label's name or value: each run of anything but letters, digits and `_` becomes one `_`."""
    return NOT_WORD.sub("_", text)


def prometheus_name(key: str) -> str:
    return key.translate(FORBIDDEN)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which metrics and labels are kept. Prefixes are of the whole key, the service's name included; the longest
    that fits decides, a blocked one before an allowed one of the same text, and where none fits all are kept.
    `allowed_labels` empty: every label that is not blocked."""

    allowed_prefixes: Collection[str] = ()
    blocked_prefixes: Collection[str] = ()
    allowed_labels: Collection[str] = ()
    blocked_labels: Collection[str] = ()

    def keeps(self, key: str) -> bool:
        allowed = max((len(one) for one in self.allowed_prefixes if key.startswith(one)), default=-1)
        blocked = max((len(one) for one in self.blocked_prefixes if key.startswith(one)), default=-1)
        return blocked < 0 or allowed > blocked

    def labels(self, labels: dict[str, str]) -> dict[str, str]:
        return {name: value for name, value in labels.items() if self._keeps_label(name)}

    def _keeps_label(self, name: str) -> bool:
        if name in self.blocked_labels:
            return False
        return not self.allowed_labels or name in self.allowed_labels
