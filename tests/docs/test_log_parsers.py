"""Parsers of logs in deploy/monitoring read what a real server wrote. Fluentd, Logstash, Elasticsearch and Splunk cannot
be run here: their patterns and mappings are taken from the files and followed step by step."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from configparser import RawConfigParser
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from finial.testing.server import text_of

LOGS = Path(__file__).parents[2] / "deploy" / "monitoring" / "logs"
STARTED = "Starting Server APIs"
FORM = {"timestamp", "level", "component", "spiffe_id", "event", "details"}
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """`written("json")`: what a server wrote in that format from its start to its end."""

    @cache
    def run(format_: str) -> str:
        folder = tmp_path_factory.mktemp("server")
        log = folder / "server.log"
        options = f'log_format = "{format_}"\nlog_file = "{log}"\naudit_log_enabled = true'
        (folder / "server.conf").write_text(text_of(folder, options))
        command = [sys.executable, "-m", "finial", "server", "run", "-config", str(folder / "server.conf")]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            give_up = time.monotonic() + 40
            while not log.exists() or STARTED not in log.read_text():
                assert process.poll() is None
                assert time.monotonic() < give_up
                time.sleep(0.05)
        finally:
            process.terminate()
            process.wait(20)
        return log.read_text()

    return run


@pytest.fixture
def records(written: Callable[[str], str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in written("json").splitlines()]


def test_fluentd_makes_the_documented_form(records: list[dict[str, Any]]) -> None:
    config = (LOGS / "fluentd.conf").read_text()
    block = re.search(r"<record>\n(.*?)</record>", config, re.DOTALL)
    assert block
    single = dict(re.findall(r'(\w+) \$\{record\["(\w+)"\]\}', block[1]))
    taken = re.search(r"details \$\{record\.slice\(\*\(record\.keys - (\[.*\])\)\)\}", block[1])
    assert taken
    named = json.loads(taken[1])
    assert {*single, "details"} == FORM
    assert sorted(named) == sorted(single.values())
    made = [
        {name: one.get(field) for name, field in single.items()}
        | {"details": {name: value for name, value in one.items() if name not in named}}
        for one in records
    ]
    assert all(one["event"] and one["level"] and datetime.fromisoformat(one["timestamp"]) for one in made)
    assert {"ca_manager", "endpoints"} <= {one["component"] for one in made}
    assert any(one["event"] == "X509 CA prepared" and one["details"]["slot"] == "A" for one in made)
    assert re.findall(r"time_key (\w+)", config)[0] == "time"


def test_elasticsearch_and_logstash_name_the_same_fields(records: list[dict[str, Any]]) -> None:
    pipeline = json.loads((LOGS / "elasticsearch-pipeline.json").read_text())
    renamed = {
        one["rename"]["field"]: one["rename"]["target_field"]
        for one in pipeline["processors"]
        if "rename" in one
    }
    logstash = (LOGS / "logstash.conf").read_text()
    pairs = re.findall(r'"((?:\[\w+\])+)" => "((?:\[\w+\])+)"', logstash)
    assert {dotted(old): dotted(new) for old, new in pairs} == renamed
    documents = [ingested(pipeline, json.dumps(one)) for one in records]
    assert all(
        one["@timestamp"].tzinfo == UTC and one["log.level"] and one["event.action"] for one in documents
    )
    assert not any("spire.time" in one or "spire.msg" in one for one in documents)


def dotted(path: str) -> str:
    return path.strip("[]").replace("][", ".")


def ingested(pipeline: dict[str, Any], message: str) -> dict[str, Any]:
    """What the processors make of a line; fields by their whole names."""
    document: dict[str, Any] = {"message": message}
    for processor in pipeline["processors"]:
        ((kind, options),) = processor.items()
        field = options["field"]
        if kind == "json":
            read = json.loads(document[field]).items()
            document |= {f"{options['target_field']}.{name}": value for name, value in read}
        elif kind == "date":
            document["@timestamp"] = datetime.fromisoformat(document[field])
        elif kind == "rename" and field in document:
            document[options["target_field"]] = document.pop(field)
        elif kind == "remove":
            del document[field]
    return document


@pytest.mark.parametrize("format_", ["json", "text"])
def test_splunk_breaks_lines_finds_the_time_and_the_fields(
    written: Callable[[str], str], format_: str
) -> None:
    text = written(format_)
    props = section("splunk-props.conf", f"spire:{format_}")
    breaker = re.compile(props["LINE_BREAKER"])
    starts = [0, *(found.end(1) for found in breaker.finditer(text))]
    events = [
        text[start:end].rstrip("\n") for start, end in zip(starts, [*starts[1:], len(text)], strict=True)
    ]
    assert events == text.splitlines()
    for event in events:
        prefix = re.search(props["TIME_PREFIX"], event)
        assert prefix
        after = event[prefix.end() : prefix.end() + int(props["MAX_TIMESTAMP_LOOKAHEAD"])]
        assert datetime.fromisoformat(after.partition('"')[0]).tzinfo == UTC
    read = [json.loads(event) if format_ == "json" else by_transform(event) for event in events]
    aliased = [alias.split(" AS ")[0] for name, alias in props.items() if name.startswith("FIELDALIAS")]
    assert sorted(aliased) == ["msg", "subsystem_name", "time"]
    assert any(all(field in one for field in aliased) for one in read)
    assert {"X509 CA prepared", STARTED} <= {one["msg"] for one in read}
    assert {"info"} <= {one["level"] for one in read}


def section(file: str, name: str) -> dict[str, str]:
    parser = RawConfigParser(delimiters=(" = ",), interpolation=None)
    parser.optionxform = str  # type: ignore[method-assign, assignment]
    parser.read(LOGS / file)
    return dict(parser[name])


def by_transform(event: str) -> dict[str, str]:
    """By REGEX; `(?|a|b)`, where either side is group 2, is Perl's."""
    pattern = section("splunk-transforms.conf", "spire_fields")["REGEX"]
    head, branches = pattern.split("(?|")
    return {name: quoted or bare for name, quoted, bare in re.findall(f"{head}(?:{branches}", event)}
