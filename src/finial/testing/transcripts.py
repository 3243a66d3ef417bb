"""Recorded transcripts of commands: what was typed, what came out, and how an answer is held against it.

A transcript is text: `$ command`, `in|` standard input, `exit N`, `out|` and `err|` lines. What varies is a
placeholder, `<UUID>`; a secret or certificate in an answer is shown by its kind before the lines are
compared. `## heading` begins a section.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from finial.svid.x509 import split_der

RUNNING = "(none: still running, ended by the test)"
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
PLACEHOLDERS = {
    "<UUID>": UUID,
    "<TIME>": r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?: \+0000 UTC|Z)?",
    '"<UNIX>"': r'"?\d{9,}"?',
    "<UNIX>": r"\d{9,}",
    "<DUR>": r"[\d.hmsµn]+",
    '"<SECONDS>"': r"\d+",
    "<SERIAL>": r"\d+",
    "<HEX40>": "[0-9a-f]{40}",
    "<KID>": "[A-Za-z0-9]{32}",
    "<VERSION>": r"\S.*",
    "<PORT>": r"\d+",
}
PEM = re.compile(r"-----BEGIN ([A-Z ]+)-----\n[A-Za-z0-9+/=\n]+-----END \1-----")
JWT = re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]+")
BASE64 = re.compile(r'"([A-Za-z0-9+/]{60,}={0,2})"')
COORDINATE = re.compile(r'"(x|y)": "[\w<>-]+"')
NUMBERED = re.compile(r"<[A-Z0-9-]+-\d+>")  # the same value wherever it appears: <X509-AUTHORITY-1>
RECORDED_JSON = re.compile(r'"<bytes JSON .*?\}>"')


@dataclass(frozen=True, slots=True)
class File:
    """One that the command wrote."""

    name: str
    mode: int
    kinds: str


@dataclass(slots=True)
class Step:
    """One command and what came of it."""

    line: int
    section: str
    command: str  # as recorded, with placeholders
    uid: int | None = None  # another user typed it
    stdin: str = ""
    exit: int | None = 0  # None: it was still running when the recording ended it
    out: list[str] = field(default_factory=list)
    err: list[str] = field(default_factory=list)
    ends_line: bool = True  # whether standard output ends with a line end
    help_follows: bool = False
    once: bool = False  # lines that repeat are shown once
    wrote: list[File] = field(default_factory=list)

    @property
    def typed(self) -> str:
        """The command, and the user who typed it if it was another."""
        return self.command if self.uid is None else f"{self.command}   # as uid {self.uid}"

    @property
    def words(self) -> list[str]:
        """Assignments, program, arguments."""
        return shlex.split(self.command)


@dataclass(frozen=True, slots=True)
class Outcome:
    exit: int | None
    out: str
    err: str


def parse(text: str) -> list[Step]:
    """Raises: ValueError for a line that is of no kind."""
    steps: list[Step] = []
    section = ""
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("## "):
            section = line[3:]
        elif line.startswith("$ "):
            command, _, uid = line[2:].partition("   # as uid ")
            steps.append(Step(number, section, command, int(uid) if uid else None))
        elif line and not (line.startswith("#") and not steps):
            _take(steps[-1], line)
    return steps


def _take(step: Step, line: str) -> None:
    if line.startswith(("out|", "err|", "in|")):
        kind, _, rest = line.partition("|")
        if kind == "in":
            step.stdin += rest.removeprefix(" ") + "\n"
        else:
            (step.out if kind == "out" else step.err).append(rest.removeprefix(" "))
    elif line.startswith("exit "):
        step.exit = None if line[5:] == RUNNING else int(line[5:])
    elif line.startswith("# wrote "):
        name, _, mode, kinds = line.removeprefix("# wrote ").split(" ", 3)
        step.wrote.append(File(name, int(mode, 8), kinds))
    elif line == "# err: help text follows":
        step.help_follows = True
    elif line == "# out: no line end":
        step.ends_line = False
    elif line == "# lines that repeat are shown once":
        step.once = True
    elif not line.startswith("#"):
        raise ValueError(line)


def differences(step: Step, got: Outcome, names: Mapping[str, str]) -> list[str]:
    """Nothing if the outcome is the recorded one. `names`: values of placeholders, `<DIR>`."""
    found = []
    if step.exit is not None and got.exit != step.exit:
        found.append(f"exit {got.exit}, recorded {step.exit}")
    found += _compare("out", lines_of(got.out, step.ends_line), step.out, names, step.once)
    err = lines_of(got.err, True)
    if step.help_follows:
        if len(err) <= len(step.err):
            found.append("err: no help text follows")
        err = err[: len(step.err)]
    found += _compare("err", err, step.err, names, step.once)
    return found


def learned(step: Step, got: Outcome, names: Mapping[str, str]) -> dict[str, str]:
    """The values of numbered placeholders that have none yet, from the lines where they first appear."""
    known = dict(names)
    for line, mine in zip(step.out, got.out.splitlines(), strict=False):
        for name in NUMBERED.findall(line):
            value = None if name in known else pattern(line, known, wanted=name).fullmatch(mine)
            if value is not None:
                known[name] = value["wanted"]
    return {name: value for name, value in known.items() if name not in names}


def lines_of(text: str, ends_line: bool) -> list[str]:
    shown = kinds_shown(text)
    if not shown:
        return []
    if shown.endswith("\n") != ends_line:
        return [*shown.split("\n"), "(the end of the last line differs)"]
    return shown.removesuffix("\n").split("\n")


def _compare(
    stream: str, got: Sequence[str], wanted: Sequence[str], names: Mapping[str, str], once: bool
) -> Iterator[str]:
    if once:
        got = [one for one in dict.fromkeys(got) if one or "" in wanted]
    for number in range(max(len(got), len(wanted))):
        mine = got[number] if number < len(got) else None
        theirs = wanted[number] if number < len(wanted) else None
        if mine is None or theirs is None or not pattern(theirs, names).fullmatch(mine):
            yield f"{stream}| {mine}\n    recorded: {theirs}"


def pattern(line: str, names: Mapping[str, str], wanted: str = "") -> re.Pattern[str]:
    """What a line must be, its placeholders being any value of their kind; `wanted` one is a group."""
    shown = RECORDED_JSON.sub('"<bytes JSON>"', kinds_shown(line))
    known = PLACEHOLDERS | {name: re.escape(value) for name, value in names.items()}
    known |= {name: r"\w+" for name in NUMBERED.findall(line) if name not in known}
    if wanted:
        known[wanted] = r"(?P<wanted>\w+)"
    parts = re.split("(" + "|".join(map(re.escape, known)) + ")", shown)
    return re.compile("".join(known.get(part, re.escape(part)) for part in parts))


def kinds_shown(text: str) -> str:
    """Keys, certificates and tokens by their kinds."""
    text = PEM.sub(lambda found: f"<PEM {found[1]}>", text)
    text = JWT.sub("<JWT>", text)
    text = COORDINATE.sub(r'"\1": "<COORDINATE>"', text)
    return BASE64.sub(lambda found: f'"{_kind(found[1])}"', text)


def _kind(encoded: str) -> str:
    try:
        data = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        return encoded
    if data.startswith(b"{"):
        json.loads(data)
        return "<bytes JSON>"
    for read in READERS:
        try:
            return read(data)
        except ValueError:
            continue
    raise ValueError(f"bytes of no known kind: {encoded[:20]}...")


def _certificates(data: bytes) -> str:
    return "+".join(map(_certificate, split_der(data)))


def _certificate(der: bytes) -> str:
    one = x509.load_der_x509_certificate(der)
    names = one.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    uri = names.get_values_for_type(x509.UniformResourceIdentifier)[0]
    is_ca = one.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    return f"<DER {'CA' if is_ca else 'CERT'} {uri}>"


def _private_key(data: bytes) -> str:
    key = serialization.load_der_private_key(data, None)
    return f"<PKCS8 ec-{key.key_size}>" if isinstance(key, ec.EllipticCurvePrivateKey) else "<PKCS8>"


def _public_key(data: bytes) -> str:
    key = serialization.load_der_public_key(data)
    return f"<SPKI ec-{key.key_size}>" if isinstance(key, ec.EllipticCurvePublicKey) else "<SPKI>"


READERS = (_certificates, _private_key, _public_key)
