"""`finial version`: this version, and the release of SPIRE whose behaviour it keeps."""

from __future__ import annotations

import json
import platform
import ssl
from dataclasses import dataclass

from finial import SPIRE_VERSION, __version__
from finial.cli.command import Command
from finial.cli.console import Console
from finial.cli.flags import flag
from finial.cli.output import read_format


@dataclass(frozen=True, slots=True)
class VersionFlags:
    output: str = flag("pretty", "Desired output format (pretty, json)", read=read_format)


async def version(flags: VersionFlags, console: Console) -> int:
    facts = {
        "finial": __version__,
        "spire": SPIRE_VERSION,
        "python": platform.python_version(),
        "openssl": ssl.OPENSSL_VERSION,
    }
    if flags.output == "json":
        console.out(json.dumps(facts, separators=(",", ":")))
    else:
        console.out(
            f"finial {__version__} (SPIRE {SPIRE_VERSION}, Python {facts['python']}, {facts['openssl']})"
        )
    return 0


COMMANDS = (
    Command(
        "version",
        "Prints the version of Finial, of the SPIRE it follows, of Python and OpenSSL.",
        VersionFlags,
        version,
        examples=("finial version", "finial version -output json"),
    ),
)
