"""Every module that takes foreign bytes apart is driven by a fuzz target, or named here with the reason why not."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "finial"
# What gives a parser away: what it calls, or what it is called.
CALLS = re.compile(
    r"json\.loads|b64decode|load_(der|pem|ssh)_|FromString|from_bytes|\.unpack\(|urlsplit|decompressobj|fromisoformat|strptime"
    r"|unquote\(|ip_address\(|\.(split|partition)\(b[\"']"
)
NAMES = re.compile(r"(parse|decode)(_\w+)?|\w+_from_(wire|request|stored)|read_(token|json|entries|ids)")
NOT_FOREIGN = {
    "agent/bootstrap.py": "opens the file; spiffe/bundle_document.py reads it",
    "agent/poll.py": "messages that wire/convert/entry.py reads",
    "cli/audit.py": "the command's own flags; runtime/audit reads the files",
    "cli/agents.py": "numbers of the server's own answer, made by protobuf",
    "cli/entry/show.py": "the command's own flags",
    "cli/flags.py": "the command line of whoever runs the command",
    "cli/lab.py": "the command's own flags",
    "cli/output.py": "writes; reads back its own JSON",
    "cli/svid_text.py": "shows certificates that svid/ has read",
    "client/pyspiffe/bundles.py": "hands on to spiffe/bundle_document.py and svid/",
    "client/pyspiffe/svids.py": "hands on to svid/",
    "config/options.py": "declares options; config/decode.py reads them",
    "console/options.py": "the address of whoever runs the command",
    "doctor/explain/look.py": "answers of the own agent and server, which wire/convert reads",
    "plugins/node/sshpop/agent.py": "the operator's key and certificate, by OpenSSH's format in pyca",
    "plugins/node/x509pop/agent.py": "the operator's key and certificate, by pyca",
    "runtime/process/darwin.py": "records of the kernel, each of one size",
    "runtime/sockets/proxies.py": "addresses that the kernel told, or that runtime/sockets/proxy_header.py has read",
    "runtime/peer/darwin.py": "records of the kernel, of one size and with no field that a process words",
    "runtime/log.py": "names of levels and formats in the configuration",
    "runtime/metrics/readers.py": "the operator's key and certificate, by pyca",
    "server/api/encoded.py": "messages that we encoded ourselves",
    "server/prune.py": "rows that wire/convert/stored.py reads",
    "store/bundle_changes.py": "digests that we wrote ourselves",
    "store/lineage.py": "values that we wrote ourselves",
    "template/template.py": "the face of template/parser.py",
    "wire/pool.py": "descriptors that are part of the package",
}
APART = ("testing/", "wire/pb/")


def reads_bytes(path: Path) -> bool:
    text = path.read_text()
    if CALLS.search(text):
        return True
    found = (
        node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    return any(NAMES.fullmatch(node.name) for node in found)


def parsers() -> set[str]:
    modules = {str(path.relative_to(SOURCE)): path for path in SOURCE.rglob("*.py")}
    return {name for name, path in modules.items() if not name.startswith(APART) and reads_bytes(path)}


def driven() -> set[str]:
    """What `reads=` of the targets names."""
    files = (ROOT / "tests" / "fuzz" / "targets").glob("*.py")
    return {name for path in files for name in re.findall(r'"([a-z0-9_/]+\.py)"', path.read_text())}


@pytest.mark.parametrize("module", sorted(parsers()))
def test_a_parser_has_a_target(module: str) -> None:
    assert module in driven() | NOT_FOREIGN.keys(), f"no target in tests/fuzz/targets reads {module}"


def test_what_is_named_is_there() -> None:
    named = driven() | NOT_FOREIGN.keys()
    assert not [name for name in named if not (SOURCE / name).is_file()]
    assert not driven() & NOT_FOREIGN.keys()
