# ruff: noqa: S608 - statements are put together from constants of ours, values are parameters
"""Attested nodes and their selectors: the rows that SPIRE writes, in its order, each change with its event.

A ban and an eviction hold against what runs at the same time: renewal, activation and re-attestation check
the row in their own transaction. SPIRE 1.15 `sqlstore.go`, `api/agent/v1`, `endpoints/middleware.go`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from finial.errors import Denial, FinialError, PermissionDenied
from finial.registry.agent import Agent
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.store import entries, timestamp
from finial.store.engine import Parameter, Transaction, Value, lock
from finial.store.rows import AGENT_COLUMNS, Reading, Stored

ALIAS_SELECTOR_TYPE = "spiffe_id"
JOIN_TOKEN = "join_token"  # noqa: S105 - an attestation type
SET_CERTIFICATE = (
    "UPDATE attested_node_entries SET updated_at = :now, serial_number = :serial, expires_at = :expires,"
    " new_serial_number = :new_serial, new_expires_at = :new_expires, can_reattest = :reattest"
    " WHERE spiffe_id = :id"
)


def load(tx: Transaction) -> list[Stored[Agent]]:
    """All, oldest first."""
    return _read(tx, "")


def by_ids(tx: Transaction, ids: Iterable[SpiffeId]) -> dict[SpiffeId, Stored[Agent]]:
    """Those that are not there are missing in the answer."""
    where = f" WHERE spiffe_id {tx.dialect.among('ids')}"
    found = _read(tx, where, ids=[str(id_) for id_ in ids])
    return {one.value.id: one for one in found}


def bucket(tx: Transaction, number: int, of: int) -> dict[SpiffeId, Stored[Agent]]:
    """Those whose row id leaves `number` when divided by `of`."""
    where = " WHERE spiffe_id IN (SELECT spiffe_id FROM attested_node_entries WHERE id % :of = :number)"
    return {one.value.id: one for one in _read(tx, where, number=number, of=of)}


def by_id(tx: Transaction, id_: SpiffeId) -> Agent | None:
    found = by_ids(tx, [id_]).get(id_)
    return found.value if found else None


def put(tx: Transaction, agent: Agent) -> Agent:
    """What an attestation leaves: selectors, then the node. A known node keeps its agent_version until the
    agent posts its own. Raises: PermissionDenied for one that is banned."""
    stored = _locked(tx, agent.id)
    if stored is not None and stored.banned:
        raise banned()
    _put_selectors(tx, str(agent.id), agent.selectors)
    _event(tx, agent.id)
    if stored is None:
        tx.insert("attested_node_entries", {**_new(agent), "agent_version": agent.agent_version})
    else:
        _set_certificate(tx, agent)
    _event(tx, agent.id)
    return _present(tx, agent.id)


def set_renewal(tx: Transaction, id_: SpiffeId, serial_number: str, expires_at: int) -> Agent:
    """The certificate that was just signed; the old one stays good until the new one is used.

    Raises: NotFound; PermissionDenied for one that is banned."""
    stored = _present(tx, id_)
    if stored.banned:
        raise banned()
    return _store(tx, stored.renewed(serial_number, expires_at))


def activate_serial(tx: Transaction, id_: SpiffeId, serial_number: str) -> Agent:
    """At the first call with the new certificate: it becomes the one. The agent as it is if this serial number
    is not the new one: the caller asks it for a denial. Raises: NotFound."""
    stored = _present(tx, id_)
    if not serial_number or stored.new_serial_number != serial_number:
        return stored
    return _store(tx, stored.activated())


def ban(tx: Transaction, id_: SpiffeId) -> Agent:
    """Raises: NotFound."""
    return _store(tx, _present(tx, id_).with_ban())


def set_version(tx: Transaction, id_: SpiffeId, version: str) -> Agent:
    """Raises: NotFound."""
    changed = tx.run(
        "UPDATE attested_node_entries SET updated_at = :now, agent_version = :version WHERE spiffe_id = :id",
        now=tx.now,
        version=version,
        id=str(id_),
    )
    if not changed:
        raise entries.not_found()
    _event(tx, id_)
    return _present(tx, id_)


def delete(tx: Transaction, id_: SpiffeId) -> Agent:
    """With its selectors and, for a join token, the alias entry that was made with the token.

    Raises: NotFound."""
    stored = _present(tx, id_)
    if stored.attestation_type == JOIN_TOKEN:
        for entry_id in _aliases(tx, str(id_)):
            entries.delete_rows(tx, entry_id)
    tx.run("DELETE FROM node_resolver_map_entries WHERE spiffe_id = :id", id=str(id_))
    tx.run("DELETE FROM attested_node_entries WHERE spiffe_id = :id", id=str(id_))
    _event(tx, id_)
    return stored


def prune(tx: Transaction, expired_before: int, *, also_tofu: bool, limit: int) -> list[Agent]:
    """At most `limit` that expired before that Unix second and are not banned; those that cannot attest again
    (trust on first use) only if `also_tofu`. They are gone."""
    rows = tx.rows(
        f"SELECT spiffe_id FROM attested_node_entries WHERE {tx.dialect.before('expires_at', 'before')}"
        " AND serial_number <> '' AND (can_reattest OR :tofu) ORDER BY id LIMIT :limit",
        before=timestamp.text_of_unix(expired_before),
        tofu=also_tofu,
        limit=limit,
    )
    reading = Reading()
    return [delete(tx, reading.spiffe_id(id_)) for (id_,) in rows]


def banned() -> FinialError:
    return PermissionDenied("agent is banned", reason=Denial.AGENT_BANNED)


def _read(tx: Transaction, where: str, **parameters: Parameter) -> list[Stored[Agent]]:
    reading = Reading()
    selectors: defaultdict[str, list[Selector]] = defaultdict(list)
    query = f"SELECT spiffe_id, type, value FROM node_resolver_map_entries{where} ORDER BY id"
    for owner, kind, value in tx.rows(query, **parameters):
        selectors[owner].append(reading.selector(kind, value))
    rows = tx.rows(f"SELECT id, {AGENT_COLUMNS} FROM attested_node_entries{where} ORDER BY id", **parameters)
    return [Stored(row[0], reading.agent(row[1:], selectors.get(row[1], ()))) for row in rows]


def _locked(tx: Transaction, id_: SpiffeId) -> Agent | None:
    there = lock(tx, "attested_node_entries", "spiffe_id", str(id_))
    return by_id(tx, id_) if there else None


def _present(tx: Transaction, id_: SpiffeId) -> Agent:
    found = _locked(tx, id_)
    if found is None:
        raise entries.not_found()
    return found


def _store(tx: Transaction, agent: Agent) -> Agent:
    _set_certificate(tx, agent)
    _event(tx, agent.id)
    return agent


def _set_certificate(tx: Transaction, agent: Agent) -> None:
    tx.run(
        SET_CERTIFICATE,
        now=tx.now,
        id=str(agent.id),
        serial=agent.serial_number,
        expires=timestamp.text_of_unix(agent.expires_at),
        new_serial=agent.new_serial_number,
        new_expires=timestamp.text_of_unix(agent.new_expires_at) if agent.new_expires_at else None,
        reattest=agent.can_reattest,
    )


def _new(agent: Agent) -> dict[str, Value]:
    return {
        "spiffe_id": str(agent.id),
        "data_type": agent.attestation_type,
        "serial_number": agent.serial_number,
        "expires_at": timestamp.text_of_unix(agent.expires_at),
        "new_serial_number": agent.new_serial_number,
        "new_expires_at": timestamp.text_of_unix(agent.new_expires_at) if agent.new_expires_at else None,
        "can_reattest": agent.can_reattest,
    }


def _put_selectors(tx: Transaction, id_: str, selectors: Sequence[Selector]) -> None:
    tx.run("DELETE FROM node_resolver_map_entries WHERE spiffe_id = :id", id=id_)
    tx.insert_all(
        "node_resolver_map_entries",
        ("created_at", "updated_at", "spiffe_id", "type", "value"),
        ((tx.now, tx.now, id_, one.type, one.value) for one in dict.fromkeys(selectors)),
    )


def _aliases(tx: Transaction, id_: str) -> list[str]:
    """Entries under this agent whose one selector is the agent's own ID."""
    rows = tx.rows(
        "SELECT e.entry_id FROM registered_entries e JOIN selectors s ON s.registered_entry_id = e.id"
        " WHERE e.parent_id = :id GROUP BY e.id"
        " HAVING count(*) = 1 AND max(s.type) = :type AND max(s.value) = :id ORDER BY e.id",
        id=id_,
        type=ALIAS_SELECTOR_TYPE,
    )
    return [entry_id for (entry_id,) in rows]


def _event(tx: Transaction, id_: SpiffeId) -> None:
    tx.insert("attested_node_entries_events", {"spiffe_id": str(id_)})
