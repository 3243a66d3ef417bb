"""SPIRE's metrics that are not here, each with the reason: what is not done has no figure, rather than a 0.

Names as Prometheus shows them, without the service's; those ending in `_` stand for all that begin so.
"""

from __future__ import annotations

GO = "tells of Go's memory and collector"
FROM_INDEX = "is a question that the index answers, without the database"
WITH_AGENT = "has no operation of its own: selectors are stored and read with their agent"
CHANGE_LOG = (
    "is about SPIRE's events, which are kept for stock servers beside alone; the index follows the change log"
)
NO_WIT = "is about WIT-SVIDs, which are not issued"
NO_ADMIN = "is about an admin socket, which the agent does not have"
NO_SDS = "is about SDS, which is not served"
NO_STORE = "is about SVID stores, which are not filled"
NEVER = "is named in SPIRE's documents and counted nowhere in SPIRE 1.15"

RUNTIME = {
    "runtime_free_count": GO,
    "runtime_malloc_count": GO,
    "runtime_gc_pause_ns": GO,
    "runtime_total_gc_pause_ns": GO,
}
SERVER = RUNTIME | {
    "bundle_manager_": "is about bundles of other trust domains, which are not fetched",
    "ca_manager_wit_key_": NO_WIT,
    "manager_wit_key_": NO_WIT,
    "datastore_bundle_count": FROM_INDEX,
    "datastore_join_token_fetch": "has no operation of its own: a token is taken in one step, `datastore_join_token_delete`",
    "datastore_node_count": FROM_INDEX,
    "datastore_node_list": FROM_INDEX,
    "datastore_node_selectors_": WITH_AGENT,
    "datastore_node_event_": CHANGE_LOG,
    "datastore_registration_entry_count": FROM_INDEX,
    "datastore_registration_entry_event_fetch": CHANGE_LOG,
    "datastore_registration_entry_event_list": CHANGE_LOG,
    "entry_skipped_entry_event_ids_count": CHANGE_LOG,
    "node_agents_by_expiresat_cache_count": "is about agents by expiry, which are not kept so",
    "node_skipped_node_event_ids_count": CHANGE_LOG,
    "server_ca_sign_x509_ca_svid": "is about CAs of servers downstream, which are not signed",
    "server_key_manager_sign_data": "is about keys elsewhere: those of memory and disk sign in this process",
}
AGENT = RUNTIME | {
    "agent_key_manager_fetch_private_key": NEVER,
    "agent_key_manager_generate_key_pair": NEVER,
    "agent_key_manager_store_private_key": NEVER,
    "cache_manager_expiring_svids_svid_store": NO_STORE,
    "cache_manager_svid_store_": NO_STORE,
    "debug_api_": NO_ADMIN,
    "delegated_identity_api_": NO_ADMIN,
    "logger_api_": NO_ADMIN,
    "rpc_debug_": NO_ADMIN,
    "rpc_delegated_identity_": NO_ADMIN,
    "rpc_logger_": NO_ADMIN,
    "rpc_sds_v3_": NO_SDS,
    "sds_api_": NO_SDS,
    "store_store_svid_updates": NO_STORE,
    "workload_api_bundles_update_jwt": NEVER,
}


def reason(name: str, absent: dict[str, str]) -> str | None:
    """Why it is not here; None: it is. A call's milliseconds are as absent as the call."""
    plain = name.removesuffix("_elapsed_time")
    found = absent.get(plain)
    if found is not None:
        return found
    return next(
        (why for begin, why in absent.items() if begin.endswith("_") and plain.startswith(begin)), None
    )
