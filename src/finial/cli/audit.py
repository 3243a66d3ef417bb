"""`audit show | verify`: what stands in the audit log of a server or agent, and whether it stands as it was written.

Both read files, a running program's too; nothing is asked of it. Arguments are folders of logs, or files of one log,
oldest first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from finial.cli.command import Command
from finial.cli.console import Console
from finial.cli.durations import read_duration
from finial.cli.flags import flag
from finial.cli.output import JsonValue, read_format, to_line
from finial.errors import InvalidArgument, NotFound

if TYPE_CHECKING:
    from finial.runtime.audit import Record, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowFlags:
    since: str = flag("", "Only from then on: 24h for the last day, or a time as 2026-11-25T08:00:00Z")
    until: str = flag("", "Only before then, told as since")
    who: str = flag("", "Only by this caller; a part of its SPIFFE ID or user is enough")
    what: str = flag("", "Only this method or event, or a part of its name: BatchDeleteEntry, authority/")
    result: str = flag("", "Only what ended so: ok, NotFound, PermissionDenied")
    entry_id: str = flag("", "Only about this entry", name="entryID", refers_to="entry")
    spiffe_id: str = flag("", "Only about this SPIFFE ID", name="spiffeID")
    serial: str = flag("", "Only about the X509-SVID with this serial number")
    output: str = flag("pretty", "Desired output format (pretty, json)", read=read_format)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyFlags:
    key: str = flag(
        "", "File of the verification key, kept elsewhere; unset: the one in the folder if it is there"
    )
    output: str = flag("pretty", "Desired output format (pretty, json)", read=read_format)


async def show(flags: ShowFlags, console: Console) -> int:
    """JSON is one record a line."""
    from finial.runtime.audit import Wanted, records
    from finial.runtime.clock import SystemClock

    now = SystemClock().unix()
    about = {"entry_id": flags.entry_id, "spiffe_id": flags.spiffe_id, "serial_number": flags.serial}
    wanted = Wanted(
        since=moment(flags.since, now),
        until=moment(flags.until, now),
        who=flags.who,
        what=flags.what,
        result=flags.result,
        about=tuple((name, value) for name, value in about.items() if value),
    )
    for one in records([path for _, files in logs(console) for path in files], wanted):
        line = to_line({"n": one.number, **one.fields}) if flags.output == "json" else shown(one)  # type: ignore[dict-item]
        console.out(line)
    return 0


def shown(record: Record) -> str:
    """For people: one line."""
    from finial.runtime.audit.query import about_of

    fields = record.fields
    head = [str(fields.get(name, "")) for name in ("time", "result", "what", "who")]
    why = [f'"{fields["why"]}"'] if fields.get("why") else []
    rest = [f"{name}={value}" for name, value in about_of(record).items()]
    own = [f"{name}={fields[name]}" for name in ("seal", "file", "broken", "records") if name in fields]
    return " ".join(one for one in [f"{record.number:>7}", *head, *why, *own, *rest] if one)


async def verify(flags: VerifyFlags, console: Console) -> int:
    """0: each log is as it was written, as far as could be judged; 1: one is not."""
    from finial.runtime.audit import HEAD, VERIFICATION_KEY
    from finial.runtime.audit import verify as judge
    from finial.runtime.audit.layout import Head, decode_key

    good = True
    for folder, before in logs(console):
        head_data = content(folder / HEAD) if folder else None
        key_data = content(Path(flags.key), needed=True) if flags.key else None
        if key_data is None and folder:
            key_data = content(folder / VERIFICATION_KEY)
        head = Head.decode(head_data) if head_data is not None else None
        key = decode_key(key_data) if key_data is not None else None
        files = files_of(folder) if folder else before  # after the head: a log in use grows
        verdict = judge(files, head, key)
        if folder and head is None and not verdict.broken:
            raise NotFound(
                f"{folder / HEAD} is missing: whether the end of the log is there cannot be judged"
            )
        good = good and not verdict.broken
        tell(
            folder or files[0],
            verdict,
            flags.output,
            console,
            by_key=key is not None,
            to_end=head is not None,
        )
    return 0 if good else 1


def tell(path: Path, verdict: Verdict, output: str, console: Console, *, by_key: bool, to_end: bool) -> None:
    facts: dict[str, JsonValue] = {
        "log": str(path),
        "good": not verdict.broken,
        "broken": verdict.broken,
        "first_record": verdict.first,
        "last_record": verdict.last,
        "seals": verdict.seals,
        "seals_judged": by_key,
        "end_judged": to_end,
        "records_after_the_last_seal": verdict.unsealed,
        "notes": list(verdict.notes),
    }
    console.out(to_line(facts) if output == "json" else "\n".join(sentences(facts)))


def sentences(facts: dict[str, JsonValue]) -> Iterator[str]:
    if facts["broken"]:
        yield f"{facts['log']}: BROKEN: {facts['broken']}"
    else:
        yield f"{facts['log']}: records {facts['first_record']} to {facts['last_record']} are as they were written."
    judged = (
        "judged by the key" if facts["seals_judged"] else "not judged: the verification key was not given"
    )
    yield f"  seals: {facts['seals']}, {judged}; records after the last one: {facts['records_after_the_last_seal']}"
    if not facts["end_judged"]:
        yield "  end: not judged: give the folder, which has head.json"
    notes = facts["notes"]
    yield from (f"  note: {one}" for one in (notes if isinstance(notes, list) else []))


def logs(console: Console) -> Iterator[tuple[Path | None, list[Path]]]:
    """Each folder with its files; files that were named themselves are one log. Raises: InvalidArgument, NotFound."""
    paths = [Path(one) for one in console.arguments]
    if not paths:
        raise InvalidArgument(
            "which log is missing",
            hint=f"{console.program} audit verify DATA_DIR/audit: the folder, by audit.folder in the configuration",
        )
    named = []
    for path in paths:
        if path.is_dir():
            yield path, files_of(path)
        elif path.exists():
            named.append(path)
        else:
            raise NotFound(f'there is no file and no folder "{path}"')
    if named:
        yield None, named


def files_of(folder: Path) -> list[Path]:
    from finial.runtime.audit import files_in

    try:
        found = files_in(folder)
    except OSError as why:
        raise InvalidArgument(f'cannot read "{folder}": {(why.strerror or str(why)).lower()}') from why
    if not found:
        raise NotFound(f'"{folder}" has no audit log: files are called audit-000001.jsonl and so on')
    return found


def content(path: Path, *, needed: bool = False) -> bytes | None:
    """None: it is not there and need not be. Raises: NotFound, InvalidArgument."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        if needed:
            raise NotFound(f'there is no file "{path}"') from None
        return None
    except OSError as why:
        raise InvalidArgument(f'cannot read "{path}": {(why.strerror or str(why)).lower()}') from why


def moment(text: str, now: float) -> float:
    """Unix seconds; 0 for none. Raises: InvalidArgument."""
    if not text:
        return 0.0
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        try:
            return now - read_duration(text)
        except InvalidArgument:
            raise InvalidArgument(
                f'"{text}" is neither a duration nor a time', hint="24h, or 2026-11-25T08:00:00Z"
            ) from None
    if found.tzinfo is None:
        raise InvalidArgument(f'"{text}" has no time zone', hint=f"{text}Z is UTC")
    return found.timestamp()


COMMANDS = (
    Command(
        "audit show",
        "Shows records of an audit log, oldest first; nothing is verified.",
        ShowFlags,
        show,
        (
            "finial audit show -since 24h -what BatchDeleteEntry /var/lib/finial/audit",
            "finial audit show -serial 1234567890 -output json /var/lib/finial/audit",
        ),
        takes_arguments=True,
    ),
    Command(
        "audit verify",
        "Verifies that an audit log is as it was written: nothing deleted, altered, put in, moved or cut off. Exit 1,"
        " and the first broken record, if it is not.",
        VerifyFlags,
        verify,
        ("finial audit verify -key /media/stick/verification.key /var/lib/finial/audit",),
        takes_arguments=True,
    ),
)
