"""Every metric is described, and every one of SPIRE's is here or is said not to be."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from finial.agent.workload_api import SERVICE_PREFIX
from finial.runtime.metrics import absent, catalogue, rpc_key
from finial.runtime.metrics.catalogue import ELAPSED, KNOWN, Described, described
from finial.server.api.access import RULES
from finial.store.measured import KEYS
from finial.wire.pb.spiffe.workload import workload_pb2

ROOT = Path(__file__).parents[2]
SOURCE, SEEN = ROOT / "src" / "finial", Path(__file__).parent / "spire_metrics"
ABSENT = {"server": absent.SERVER, "agent": absent.AGENT}
MAKERS = {"counter", "gauge", "gauge_each", "sample", "histogram", "calls", "timed"}
# Whose last parts are put together where they are counted.
COMPOSED = {"manager.x509_ca.rotate.", "sync_", "datastore.", "agent_key_manager.", "server_key_manager."}
COMPOSED |= {"cache_manager.workload.process_tainted_", "cache_manager.tainted_", "rpc.", "rateLimit."}


def by_name(program: str) -> dict[str, Described]:
    """As Prometheus shows it, without the service; of calls the milliseconds too."""
    found = {}
    for one in (*catalogue.BOTH, *(catalogue.SERVER if program == "server" else catalogue.AGENT)):
        found[one.key.replace(".", "_")] = one
        if one.calls:
            found[f"{one.key}{ELAPSED}".replace(".", "_")] = one
    return found


def methods(program: str) -> set[str]:
    """Names of the calls that a program counts."""
    if program == "server":
        paths = list(RULES)
    else:
        service = workload_pb2.DESCRIPTOR.services_by_name["SpiffeWorkloadAPI"]
        paths = [SERVICE_PREFIX + one for one in service.methods_by_name]
        paths.append("/grpc.health.v1.Health/Check")
    return {rpc_key(path).replace(".", "_") for path in paths}


def lines(file: str) -> Iterator[str]:
    yield from (one for one in (SEEN / file).read_text().splitlines() if not one.startswith("#"))


def is_here(program: str, name: str) -> bool:
    """`name` without the service's."""
    plain = name.removesuffix("_elapsed_time")
    for prefix in ("rpc_", "rateLimit_"):
        if plain.startswith(prefix):
            return plain.removeprefix(prefix) in methods(program)
    return name in by_name(program)


@pytest.mark.parametrize("program", ["server", "agent"])
def test_what_a_stock_program_showed_is_here_with_type_and_labels_or_is_said_not_to_be(program: str) -> None:
    for line in lines(f"{program}.txt"):
        head, _, tail = line.partition(" | ")
        name, kind = head.removeprefix(f"spire_{program}_").split()
        if absent.reason(name, ABSENT[program]) is not None:
            assert not is_here(program, name), f"{name} is here"
            continue
        assert is_here(program, name), name
        one = by_name(program).get(name) or described(f"{name.partition('_')[0]}.x")
        assert one is not None
        assert kind == ("summary" if name.endswith("_elapsed_time") else one.kind.value), name
        labels = {part.partition(" = ")[0].strip() for part in tail.split(";")} - {"host"}
        assert labels == set(one.labels), name


@pytest.mark.parametrize("program", ["server", "agent"])
def test_what_spires_documents_name_is_here_or_is_said_not_to_be(program: str) -> None:
    for line in lines(f"documented-{program}.txt"):
        name, kind = line.removeprefix(f"spire_{program}_").split()
        if absent.reason(name, ABSENT[program]) is None:
            one = by_name(program)[name]
            wanted = "call" if one.calls else "sample" if one.kind.value == "summary" else one.kind.value
            assert kind == wanted, name


def test_what_spires_dashboard_asks_for_is_here_but_for_sds() -> None:
    asked = {re.sub(r"_(sum|count)$", "", one) for one in lines("dashboard.txt")}
    assert len(list(lines("dashboard.txt"))) == 44
    missing = set()
    for one in asked:
        _, program, name = one.split("_", 2)
        if not is_here(program, name):
            missing.add(name)
    assert missing == {"sds_api_connection", "sds_api_connections"}


@pytest.mark.parametrize("program", ["server", "agent"])
def test_nothing_is_said_to_be_absent_without_need(program: str) -> None:
    named = {
        line.split()[0] for file in (f"{program}.txt", f"documented-{program}.txt") for line in lines(file)
    }
    plain = {one.removeprefix(f"spire_{program}_").removesuffix("_elapsed_time") for one in named}
    unused = [
        one
        for one in ABSENT[program]
        if not any(absent.reason(name, {one: ""}) is not None for name in plain)
    ]
    assert unused in ([], ["ca_manager_wit_key_", "manager_wit_key_", "server_key_manager_sign_data"])


def keys_in_source() -> Iterator[str]:
    """First arguments of what makes instruments; of those put together, what stands before the first brace."""
    for path in SOURCE.rglob("*.py"):
        if "metrics" not in path.read_text():
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and is_maker(node.func) and node.args:
                yield from key_of(node.args[0])


def is_maker(function: ast.expr) -> bool:
    named = isinstance(function, ast.Attribute) and function.attr in MAKERS
    return named and "etrics" in ast.unparse(function)


def key_of(argument: ast.expr) -> Iterator[str]:
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        yield argument.value
    elif isinstance(argument, ast.JoinedStr) and isinstance(argument.values[0], ast.Constant):
        yield str(argument.values[0].value)


def test_each_metric_that_is_counted_is_described_and_each_described_one_is_counted() -> None:
    used = set(keys_in_source()) | {f"datastore.{one}" for one in KEYS.values()}
    used |= {
        "finial.svid_issuance_total",
        "finial.svid_issuance_latency_seconds",
        "finial.svid_updates_total",
    }
    assert not {one for one in used if described(one) is None and one not in COMPOSED}
    composed = tuple(COMPOSED)
    assert not {one for one in KNOWN if one not in used and not one.startswith(composed)}
    assert {f"datastore.{one}" for one in KEYS.values()} == {
        one for one in KNOWN if one.startswith("datastore.")
    }
