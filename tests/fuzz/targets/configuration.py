"""What an operator writes: HCL, JSON, durations, connection strings, templates, expressions, entries in JSON."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import psycopg
from tests.fuzz.mutate.json import by_json
from tests.fuzz.mutate.options import by_options
from tests.fuzz.target import target, text_of
from tests.fuzz.targets.credentials import JSON_WORDS

from finial.cli.entry.delete import read_ids
from finial.cli.entry.text import entry_text, read_entries
from finial.cli.json_text import read_json
from finial.config import hcl
from finial.config.agent import AgentFile, load_agent
from finial.config.durations import format_duration, parse_duration
from finial.config.expand import expand
from finial.config.server import ServerFile, load_server
from finial.config.tree import SyntaxFault
from finial.errors import FinialError
from finial.store.location import Postgres, location_of, pool_of
from finial.store.postgres_connection import conninfo_of
from finial.template import Template
from finial.template.budget import Budget
from finial.template.functions import FUNCTIONS
from finial.template.functions.patterns import compiled
from finial.template.values import Record

VECTORS = Path(__file__).parents[2] / "vectors"
HCL_WORDS = (
    b"{", b"}", b"[", b"]", b"=", b",", b'"', b"<<E\n", b"<<-E\n", b"E\n", b"/*", b"*/", b"#", b"${", b"\\u", b"0x", b"1e9",
    b"true", b"server", b"agent", b"plugins", b"plugin_data", b"trust_domain", b"24h",
)  # fmt: skip

SHOWN = "('[{}\\[\\]:,\"]'|EOF|other text)"
FAULTS = re.compile(
    r"illegal UTF-8 encoding|key expected start of object \('\{'\) or assignment \('='\)|no object keys found!"
    r"|nested object expected: LBRACE got: ASSIGN|object expected closing RBRACE got: EOF|nested (deeper than \d+ levels|too deeply)"
    r"|expected: IDENT \| STRING \| ASSIGN \| LBRACE got: [A-Z]+|error parsing list, expected comma or list end, got: [A-Z]+"
    r"|Unknown token: (IDENT \(a text stands in double quotes\)|[A-Z]+( [=,{}\[\]])?)|NUMBER: (invalid syntax|value out of range)"
    r"|value out of range|not a number|null has no meaning in a list|only one object is expected, found text after it"
    r"|(comment|literal|heredoc) not terminated|illegal (number|char|char escape)"
    r"|invalid (control character at|\\escape|\\uxxxx escape)|unterminated string starting at"
    rf"|expected ('.'|a text|a value), got: {SHOWN}"
)


def hcl_files() -> list[bytes]:
    return [path.read_bytes() for path in sorted((VECTORS / "config").glob("*.hcl"))]


def json_files() -> list[bytes]:
    return [path.read_bytes() for path in sorted((VECTORS / "config").glob("*.json"))]


@target("hcl", reads=("config/hcl.py", "config/scanner.py"), made=hcl_files, words=HCL_WORDS)
def read_hcl(data: bytes) -> None:
    parsed(data)


def parsed(data: bytes) -> None:
    try:
        hcl.parse(data, "x")
    except SyntaxFault as fault:
        check_shown(fault.why)
        raise


def check_shown(why: str) -> None:
    """A fault is one of these sentences: none shows a text of the file, which may be a secret."""
    assert FAULTS.fullmatch(why), why


@target("json", reads=("config/json_syntax.py",), made=json_files, words=JSON_WORDS)
def read_json_file(data: bytes) -> None:
    parsed(b"{" + data)


@target(
    "server-config",
    reads=(
        "config/load.py",
        "config/decode.py",
        "config/server.py",
        "config/plugins.py",
        "config/builtin.py",
    ),
    words=HCL_WORDS,
    mutate=by_options(ServerFile),
    cpu=3.0,
)
def read_server_config(data: bytes) -> None:
    load_server(data, "x", environment={"A": "b"})


@target(
    "agent-config",
    reads=("config/load.py", "config/agent.py"),
    words=HCL_WORDS,
    mutate=by_options(AgentFile),
    cpu=3.0,
)
def read_agent_config(data: bytes) -> None:
    load_agent(data, "x", environment={"A": "b"})


@target("expand", reads=("config/expand.py",), words=(b"$", b"${", b"}", b"$A", b"${A}", b"$1", b"$$"))
def expand_text(data: bytes) -> None:
    expand(text_of(data), {"A": "b"})


@target(
    "duration",
    reads=("config/durations.py",),
    words=(b"h", b"ms", b"us", b"\xc2\xb5s", b"ns", b".", b"-", b"9" * 20),
)
def read_duration(data: bytes) -> None:
    found = parse_duration(text_of(data))
    assert parse_duration(format_duration(found)) == found


@target(
    "connection-string",
    reads=("store/location.py", "store/postgres_connection.py"),
    words=(
        b"postgres://",
        b"postgresql://",
        b"mysql:",
        b"file:",
        b"?",
        b"=",
        b"'",
        b" ",
        b"host=",
        b"%",
        b"sslmode=",
        b"@",
    ),
)
def read_connection_string(data: bytes) -> None:
    found = location_of(text_of(data))
    if isinstance(found, Postgres):
        pool_of(found)
        assert found.connection_string not in repr(found) or len(found.connection_string) < 12
        conninfo_of(found.connection_string)


@target(
    "conninfo",
    reads=("store/postgres_connection.py",),
    words=(b"host=", b"=", b"'", b"\\", b" ", b"postgres://", b"%20"),
)
def read_conninfo(data: bytes) -> None:
    """Key and value pairs."""
    assert psycopg.conninfo.conninfo_to_dict(conninfo_of(text_of(data)))


DATA = Record(
    "data",
    {
        "PluginName": "x509pop",
        "Fingerprint": "ab" * 20,
        "Subject": Record("pkix.Name", {"CommonName": "web", "Country": ["US", "DE"]}, "CN=web"),
        "SerialNumber": 7,
        "DNSNames": ["a.test", "b.test"],
        "Map": {"a": "b"},
        "IsCA": False,
        "SubjectKeyId": b"ab",
    },
)


def templates() -> list[bytes]:
    return [one.encode() for one in (VECTORS / "template" / "templates.txt").read_text().splitlines()]


@target(
    "template",
    reads=(
        "template/parser.py", "template/tokens.py", "template/evaluate.py", "template/printf.py", "template/values.py",
        "template/functions/builtin.py", "template/functions/case.py", "template/functions/dicts.py", "template/functions/encoding.py",
        "template/functions/lists.py", "template/functions/paths.py", "template/functions/patterns.py", "template/functions/text.py",
    ),
    made=templates,
    words=(
        b"{{", b"}}", b"{{-", b"-}}", b"|", b".", b"$", b"(", b")", b"if ", b"range ", b"with ", b"end", b"else", b"printf ",
        b'"%x"', b"'a'", b"`", b"/*", b"*/", b".Subject.CommonName", b"repeat ", b"list ", b"dict ", b"splitList ", b"1e3",
        b"break", b"continue", b"else if ", b'"%-+#08.3q"', b'"%*v"', *(f"{{{{ {name} ".encode() for name in sorted(FUNCTIONS)),
    ),
    cpu=4.0,
    memory=64 * 1024 * 1024,
)  # fmt: skip
def render(data: bytes) -> None:
    Template.parse(text_of(data)).render(DATA)


@target(
    "regex",
    reads=("template/regex.py", "template/regex_syntax.py"),
    words=(
        b"(",
        b")",
        b"[",
        b"]",
        b"{1,9}",
        b"*",
        b"+?",
        b"\\d",
        b"\\pL",
        b"(?i)",
        b"|",
        b"^",
        b"$",
        b"\\b",
        b"[[:alpha:]]",
        b"[[:^word:]]",
        b"\\Q.\\E",
        b"\\x{41}",
        b"\\101",
        b"(?P<a>",
        b"(?m:",
        b"\\pN",
        b"\\S",
        b"\0",
    ),
    cpu=4.0,
)
def match(data: bytes) -> None:
    """Pattern and text, with a NUL between."""
    pattern, _, text = text_of(data).partition("\0")
    budget = Budget()
    regex = compiled(budget, pattern, text)
    found = list(regex.spans(text, budget.spend))
    assert all(0 <= start <= end <= len(text) for start, end in found)
    assert all(one[1] <= other[0] for one, other in pairwise(found))
    regex.replace(text, lambda groups: regex.expand("$1$a${2}$$", text, groups), budget.spend)
    regex.split(text, -1, budget.spend)


@target(
    "entries-json",
    reads=("cli/entry/text.py", "cli/notation.py", "cli/json_text.py", "cli/entry/delete.py"),
    words=(*JSON_WORDS, b'"entries"', b'"spiffe_id"', b'"spiffe://a/b"', b'"parent_id"', b'"selectors"', b'"type"', b'"value"',
           b'"entry_expiry"', b'"ids"'),
    mutate=by_json(
        ("entries", "spiffe_id", "parent_id", "selectors", "type", "value", "x509_svid_ttl", "jwt_svid_ttl", "federates_with",
         "admin", "downstream", "entry_expiry", "dns_names", "store_svid", "hint", "entry_id", "trust_domain", "path"),
        ("spiffe://example.org/web", "unix:uid:0", ["a.test"], [{"type": "unix", "value": "uid:0"}]),
    ),
)  # fmt: skip
def read_entry_file(data: bytes) -> None:
    text = text_of(data)
    for entry in read_entries(text, "x"):
        entry_text(entry)


@target(
    "ids-json",
    reads=("cli/json_text.py", "cli/entry/delete.py"),
    words=(*JSON_WORDS, b'"ids"'),
    mutate=by_json(("ids",), (["a"],)),
)
def read_id_file(data: bytes) -> None:
    text = text_of(data)
    try:
        read_ids(text, "x")
    except FinialError:
        read_json(text, "x")
