"""`finial doctor`: what this machine can and cannot do for a trust domain, before one is started."""

from __future__ import annotations

from dataclasses import dataclass

from finial.cli.command import Command
from finial.cli.console import Console
from finial.cli.flags import flag
from finial.cli.output import read_format, to_line
from finial.doctor.finding import failed, told
from finial.doctor.laptop import examine
from finial.doctor.machine import Machine, ThisMachine
from finial.lab import ports, state
from finial.lab.lifecycle import default_lab
from finial.lab.place import SOCKETS, Place, default_folder
from finial.lab.topology import LAB


@dataclass(frozen=True, slots=True)
class DoctorFlags:
    output: str = flag("pretty", "Desired output format (pretty, json)", read=read_format)


async def doctor(flags: DoctorFlags, console: Console, machine: Machine | None = None) -> int:
    run = Place.at(default_folder()).run
    longest = max((run / name for name in SOCKETS), key=lambda path: len(bytes(path)))
    wanted = ports.defaults(LAB.names)
    findings = list(examine(machine or ThisMachine(), longest, wanted, own_ports()))
    if flags.output == "json":
        console.out(to_line([one.record() for one in findings]))
    else:
        console.out(told(findings))
    return int(failed(findings))


def own_ports() -> frozenset[int]:
    """Of the lab that runs in the default folder; none if none does."""
    place = default_lab()
    found = state.read(place.state_file) if place else None
    return frozenset(found.ports.values()) if found else frozenset()


COMMANDS = (
    Command(
        "doctor",
        "Looks at what a trust domain on this machine needs, and at what the platform cannot protect. Changes "
        "nothing. Exit code 1: something would not work.",
        DoctorFlags,
        doctor,
        examples=("finial doctor", "finial doctor -output json"),
    ),
)
