"""Every metric there is: key, type, labels and meaning. What an endpoint tells as HELP and docs/reference/metrics.md shows.

SPIRE's names are those of SPIRE 1.15, pkg/common/telemetry; `finial.` begins ours, which follow Prometheus: base
units, `_total`, histograms. A key ending in `*` stands for one metric of each method.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from finial.runtime.metrics.instruments import Type

ELAPSED = ".elapsed_time"


@dataclass(frozen=True, slots=True)
class Described:
    """`calls`: SPIRE's call counter, which has a second metric, the milliseconds, at the same key with ELAPSED."""

    key: str
    kind: Type
    meaning: str
    labels: tuple[str, ...] = ()
    calls: bool = False


def _described(kind: Type, key: str, meaning: str, *labels: str) -> Described:
    return Described(key, kind, meaning, labels)


def call(key: str, meaning: str, *labels: str) -> Described:
    return Described(key, Type.COUNTER, meaning, (*labels, "status"), calls=True)


counter, gauge, sample, histogram = (partial(_described, one) for one in Type)

BOTH = (
    call("rpc.*", "Calls of an API's method that ended: {name}."),
    gauge("started", "1; what runs is in the labels.", "version", "trust_domain_id"),
    gauge("uptime_in_ms", "Milliseconds since the start."),
    gauge("runtime.alloc_bytes", "Resident memory, bytes."),
    gauge("runtime.sys_bytes", "Virtual memory, bytes."),
    gauge("runtime.heap_objects", "Memory blocks that the interpreter has allocated."),
    gauge("runtime.num_goroutines", "Tasks of the event loop."),
    gauge("runtime.total_gc_runs", "Runs of the garbage collector."),
    gauge("finial.clock_seconds", "Unix time by this program's clock, as it was asked."),
    gauge(
        "finial.expiration_seconds",
        "Seconds until what is in use expires: x509_ca, jwt_key, server_svid; agent_svid, workload_svid (the first).",
        "kind",
    ),
    gauge(
        "finial.lifetime_seconds",
        "Seconds between the beginning and the end of what is in use.",
        "kind",
    ),
)

DATASTORE = (
    call("datastore.bundle.append", "Authorities are added to a bundle."),
    call("datastore.bundle.create", "A bundle is created."),
    call("datastore.bundle.delete", "A bundle is deleted."),
    call("datastore.bundle.fetch", "A bundle is read."),
    call("datastore.bundle.list", "Bundles are read."),
    call("datastore.bundle.prune", "Authorities that expired are taken out of a bundle."),
    call("datastore.bundle.set", "A bundle is replaced."),
    call("datastore.bundle.x509.taint", "An X.509 authority is tainted."),
    call("datastore.bundle.x509.revoke", "An X.509 authority is revoked."),
    call("datastore.bundle.jwt.taint", "A JWT authority is tainted."),
    call("datastore.bundle.jwt.revoke", "A JWT authority is revoked."),
    call("datastore.bundle.update", "A bundle is changed otherwise."),
    call("datastore.ca_journal.list", "The journals of the servers' authorities are read."),
    call("datastore.ca_journal.prune", "Journals of servers that are gone are deleted."),
    call("datastore.ca_journal.set", "The journal of this server's authorities is written."),
    call("datastore.federation_relationship.create", "A federation relationship is created."),
    call("datastore.federation_relationship.delete", "A federation relationship is deleted."),
    call("datastore.federation_relationship.fetch", "A federation relationship is read."),
    call("datastore.federation_relationship.list", "Federation relationships are read."),
    call("datastore.federation_relationship.update", "A federation relationship is changed."),
    call("datastore.join_token.create", "A join token is created."),
    call("datastore.join_token.delete", "A join token is taken: read and deleted in one."),
    call("datastore.join_token.prune", "Join tokens that expired are deleted."),
    call("datastore.node.create", "An agent is stored, its selectors with it."),
    call("datastore.node.delete", "An agent is deleted."),
    call("datastore.node.fetch", "Agents are read by ID."),
    call("datastore.node.prune", "Agents that expired are deleted."),
    call("datastore.node.update", "An agent is changed: renewed, banned, seen with a new certificate."),
    call("datastore.registration_entry.create", "Entries are created, a request at a time."),
    call("datastore.registration_entry.delete", "Entries are deleted, a request at a time."),
    call("datastore.registration_entry.fetch", "Entries are read by ID."),
    call("datastore.registration_entry.list", "Everything is read into the index."),
    call("datastore.registration_entry.prune", "Entries that expired are deleted."),
    call("datastore.registration_entry.update", "Entries are changed, a request at a time."),
    call("datastore.registration_entry_event.prune", "Events, kept for stock servers beside, are deleted."),
)

SERVER = (
    call("rateLimit.*", "Calls that waited for their caller's rate: {name}."),
    call("ca.manager.bundle.prune", "The bundle, or the journals, are looked through for what expired."),
    counter("ca.manager.bundle.pruned", "An authority that expired was taken out of the bundle."),
    call("ca.manager.jwt_key.prepare", "A JWT key is prepared."),
    call("ca.manager.x509_ca.prepare", "An X.509 CA is prepared."),
    counter("ca.manager.x509_ca.activate", "An X.509 CA became the one that signs."),
    counter("manager.jwt_key.activate", "A JWT key became the one that signs."),
    gauge("manager.x509_ca.rotate.expiration", "Unix time at which the CA expires.", "trust_domain_id"),
    gauge("manager.x509_ca.rotate.ttl", "Seconds the CA had left as it was activated.", "trust_domain_id"),
    counter("server_ca.sign.jwt_svid", "A JWT-SVID was signed."),
    counter(
        "server_ca.sign.x509_svid", "An X.509-SVID was signed: a workload's, an agent's or the server's."
    ),
    call("server_key_manager.generate_key", "The KeyManager makes a key."),
    call("server_key_manager.get_public_keys", "The KeyManager tells its keys."),
    call("svid.rotate", "The server's own SVID is renewed."),
    call("entry.cache.reload", "The index takes in what was committed, or everything."),
    call("registration_entry.manager.prune", "Entries that expired are looked for."),
    call("node.manager.prune", "Agents that expired are looked for."),
    gauge("node.agents_by_id_cache.count", "Agents in the index."),
    gauge("entry.entries_by_entryid_cache.count", "Entries in the index, without node aliases."),
    gauge("entry.nodealiases_by_entryid_cache.count", "Node aliases in the index."),
    gauge("entry.nodealiases_by_selector_cache.count", "Selectors under which node aliases are kept."),
    *DATASTORE,
    histogram("finial.store_operation_seconds", "Operations of the store alone.", "operation", "status"),
    counter(
        "finial.svid_issuance_total",
        "SVIDs asked for by agents and operators: success or failure.",
        "type",
        "status",
        "spiffe_id",
    ),
    histogram("finial.svid_issuance_latency_seconds", "From a job for the signer to its end.", "type"),
    histogram("finial.node_attestation_seconds", "Attestations of nodes.", "method", "status"),
    gauge(
        "finial.agent_expiration_seconds",
        "Seconds until an agent's SVID expires, with `SpiffeIdLabel`.",
        "spiffe_id",
    ),
    counter("finial.denials_total", "Callers that were denied, by reason.", "reason"),
    counter("finial.audit_records_total", "Records that the audit log took."),
    counter("finial.audit_lost_total", "Records lost because the audit log could not be written."),
    gauge("finial.audit_failing", "1: the audit log cannot be written."),
    histogram(
        "finial.propagation_seconds",
        "From a change in the index to the word of an agent that has it in force.",
    ),
    gauge("finial.authority_adoption_lag_seconds", "Age of the newest authority while an agent lacks it."),
    gauge("finial.authority_adoption_pending_agents", "Agents that lack the newest authority."),
    gauge("finial.change_log_position", "Newest change in this server's index; servers that differ lag."),
    gauge("finial.change_log_outage_seconds", "For how long the change log could not be read; 0: it can."),
    gauge("finial.watchers", "Agents that watch for changes: open streams."),
    gauge("finial.calls_open", "Calls that are being answered, watches among them.", "listener"),
    gauge("finial.connections", "Connections that are open.", "listener"),
)

AGENT = (
    call("agent_key_manager.generate_key", "The KeyManager makes a key."),
    call("agent_key_manager.get_keys", "The KeyManager tells its keys."),
    call("agent_svid.rotate", "The agent's SVID is renewed."),
    gauge("bootstrapped", "1: the server is trusted by its bundle; 0: trust is being established."),
    gauge("bootstrap_attempts", "Bundles taken from the configured source since trust was sought.", "mode"),
    gauge("bootstrap_seconds", "Unix time since which trust is sought; 0: it is not.", "mode"),
    sample("cache_manager.expiring_svids", "SVIDs that were due by age, each time some were renewed."),
    sample("cache_manager.outdated_svids", "SVIDs whose entry had changed, each time some were renewed."),
    sample("cache_manager.tainted_jwt_svids.workload", "JWT-SVIDs of a tainted key that were dropped."),
    sample("cache_manager.tainted_x509_svids.workload", "X.509-SVIDs under a tainted root, to be renewed."),
    call("cache_manager.workload.process_tainted_jwt_svids", "JWT-SVIDs of tainted keys are dropped."),
    call("cache_manager.workload.process_tainted_x509_svids", "SVIDs under tainted roots are looked for."),
    gauge("jwt_svid_cache_size", "JWT-SVIDs kept to be handed out again."),
    counter("lru_cache_entry_add", "Entries that came."),
    counter("lru_cache_entry_remove", "Entries that went."),
    counter("lru_cache_entry_update", "Entries that changed."),
    gauge("lru_cache_record_map_size", "Entries held."),
    gauge("lru_cache_svid_map_size", "X.509-SVIDs held."),
    call("manager.sync.fetch_entries_updates", "Entries and bundles are asked for, beside a watch too."),
    call("manager.sync.fetch_svids_updates", "X.509-SVIDs are asked for, a batch at a time."),
    call("node.attest", "The node is attested again."),
    call("node.attestor.new_svid", "The node is attested.", "attestor"),
    gauge("sync_bundles_total", "Bundles at the last poll."),
    gauge("sync_entries_total", "Entries at the last poll."),
    gauge("sync_entries_missing", "Entries that the last poll brought."),
    gauge("sync_entries_stale", "Entries that the last poll changed."),
    gauge("sync_entries_dropped", "Entries that the last poll took away."),
    counter("workload_api.connection", "Calls of the Workload API that were opened."),
    gauge("workload_api.connections", "Calls of the Workload API that are open."),
    sample("workload_api.discovered_selectors", "Selectors found for a workload."),
    counter("workload_api.rate_limit_exceeded", "Calls beyond their workload's rate.", "method"),
    call("workload_api.workload_attestation", "A workload is attested."),
    call("workload_api.workload_attestor", "A workload is attested by one attestor.", "attestor"),
    histogram("finial.workload_attestation_seconds", "Workloads attested, by attestor.", "method", "status"),
    counter("finial.workloads_without_identity_total", "Calls of workloads that no entry is for."),
    counter("finial.watch_changes_total", "Changes that the server pushed."),
    counter(
        "finial.svid_updates_total",
        "X.509-SVIDs asked of the server: success or failure.",
        "status",
        "spiffe_id",
    ),
    gauge(
        "finial.svid_expiration_seconds",
        "Seconds until a workload's SVID expires, with `SpiffeIdLabel`.",
        "spiffe_id",
    ),
    gauge("finial.server_silence_seconds", "Since the server was last heard of; 0 while a watch is open."),
)


def _by_key(all_: Iterable[Described]) -> dict[str, Described]:
    return {one.key: one for one in all_}


KNOWN = _by_key((*BOTH, *SERVER, *AGENT))


def described(key: str) -> Described | None:
    """The metric of this key, without the service's name before it; None: nobody has described it."""
    plain = key.removesuffix(ELAPSED)
    return KNOWN.get(plain) or KNOWN.get(f"{plain.partition('.')[0]}.*")


def meaning_of(key: str) -> str:
    """In one line; "" for a key that nobody has described."""
    found = described(key)
    if found is None:
        return ""
    text = found.meaning.format(name=key.removesuffix(ELAPSED).partition(".")[2])
    return f"Milliseconds. {text}" if key.endswith(ELAPSED) else text
