"""Which of SPIRE's datastore metrics an operation of ours counts under. An operation on many rows is one call.

SPIRE 1.15: pkg/common/telemetry/server/datastore. Operations that only Finial has stand under a name of its own.
"""

from __future__ import annotations

from finial.runtime.metrics import Calls, Metrics

KEYS = {
    "entries.create": "registration_entry.create",
    "entries.update": "registration_entry.update",
    "entries.delete": "registration_entry.delete",
    "entries.prune": "registration_entry.prune",
    "entries.fetch": "registration_entry.fetch",
    "entries.list": "registration_entry.list",
    "events.prune": "registration_entry_event.prune",
    "agents.put": "node.create",
    "agents.renew": "node.update",
    "agents.activate": "node.update",
    "agents.version": "node.update",
    "agents.ban": "node.update",
    "agents.delete": "node.delete",
    "agents.prune": "node.prune",
    "agents.fetch": "node.fetch",
    "tokens.create": "join_token.create",
    "tokens.take": "join_token.delete",
    "tokens.prune": "join_token.prune",
    "bundles.create": "bundle.create",
    "bundles.set": "bundle.set",
    "bundles.append": "bundle.append",
    "bundles.change": "bundle.update",
    "bundles.taint_x509": "bundle.x509.taint",
    "bundles.revoke_x509": "bundle.x509.revoke",
    "bundles.taint_jwt": "bundle.jwt.taint",
    "bundles.revoke_jwt": "bundle.jwt.revoke",
    "bundles.prune": "bundle.prune",
    "bundles.delete": "bundle.delete",
    "bundles.fetch": "bundle.fetch",
    "bundles.list": "bundle.list",
    "federation.create": "federation_relationship.create",
    "federation.update": "federation_relationship.update",
    "federation.delete": "federation_relationship.delete",
    "federation.fetch": "federation_relationship.fetch",
    "federation.list": "federation_relationship.list",
    "journal.put": "ca_journal.set",
    "journal.prune": "ca_journal.prune",
    "journal.list": "ca_journal.list",
}


class Measured:
    """The calls of a store, by the operation's name."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._calls: dict[str, Calls] = {}

    def __getitem__(self, operation: str) -> Calls:
        calls = self._calls.get(operation)
        if calls is None:
            calls = self._calls[operation] = self._open(operation)
        return calls

    def _open(self, operation: str) -> Calls:
        key = KEYS.get(operation)
        if key is None:
            return self._metrics.timed("finial.store_operation_seconds", operation=operation)
        return self._metrics.calls(f"datastore.{key}")
