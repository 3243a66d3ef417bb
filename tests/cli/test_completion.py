"""What shells offer on a terminal for things of a server that runs: as a person types it, with the tab key."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from pathlib import Path

import pytest

from finial.cli.completion import SHELLS
from finial.cli.completion.table import table
from finial.registry.agent import Agent
from finial.registry.entry import Entry
from finial.spiffe.bundle import Bundle, X509Authority
from finial.spiffe.id import SpiffeId
from finial.spiffe.selector import Selector
from finial.spiffe.trust_domain import TrustDomain
from finial.testing.ca import TestCa
from finial.testing.server import Running, server
from finial.testing.terminal import Terminal, terminal

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
NODE = SpiffeId.parse("spiffe://example.org/spire/agent/x509pop/node-1")
# The key that shows the line: what a shell has put in, however it draws it.
LINE = "\x07"
TRIES = 10
START = {
    "bash": (
        ["bash", "--norc", "-i"],
        "bind 'set show-all-if-ambiguous on'; bind 'set enable-bracketed-paste off';"
        """ bind -x '"\\C-g": printf "line<%s>\\n" "$READLINE_LINE"'; source SCRIPT; echo rea""dy""",
    ),
    "zsh": (
        ["zsh", "-f", "-i"],
        'line() { print -r -- "line<$BUFFER>" }; zle -N line; bindkey "^G" line; source SCRIPT; echo rea""dy',
    ),
}


async def fill(running: Running) -> None:
    store = running.server.store
    await store.put_agent(Agent(NODE, "x509pop", "42", 4102444800))
    await store.set_bundle(Bundle(TrustDomain("other.test"), (X509Authority(TestCa("other").der),)))
    entries = [
        Entry(name, SpiffeId.parse(f"spiffe://example.org/{name}"), NODE, (Selector("unix", f"user:{name}"),))
        for name in ("web-1", "web-2", "api")
    ]
    committed = await store.create_entries(entries)
    await running.server.follower.reached(committed.position)


def surroundings(folder: Path) -> dict[str, str]:
    """Our program first on the PATH; nothing of the person who runs the tests."""
    programs = Path(sys.executable).parent
    return {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "HOME": str(folder),
        "TERM": "xterm",
        "COLUMNS": "200",
        "INPUTRC": os.devnull,
        "SPIRE_SERVER_PRIVATE_SOCKET": f"{folder}/api.sock",
    }


def tab(at: Terminal, typed: str, *shown: str, changes: bool = True) -> str:
    """The line after the tab key; emptied then. Pressed again while nothing comes of it: a machine under load may take
    longer than the half second that the shell is kept. `shown`: what is on the screen then, the line being as it was.
    """
    at.type(typed)
    for _ in range(TRIES):
        at.type("\t" + LINE)
        screen = at.until(">")
        line = screen.partition("line<")[2].partition(">")[0]
        if not changes or line != typed or (shown and all(one in screen for one in shown)):
            break
    at.type("\x15")  # forgets the line
    return line


@pytest.mark.parametrize("shell", START)
def test_what_a_server_has_is_offered_at_the_tab_key(folder: Path, shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    script = folder / "script"
    script.write_text(SHELLS[shell](table()))
    command, setting = START[shell]
    of_api, of_web = (
        ("api", "web-2") if shell == "bash" else ("api    -- spiffe://example.org/api", "web-2  -- spiffe")
    )

    def typed() -> list[str]:
        with terminal(command, surroundings(folder), folder) as at:
            at.type(setting.replace("SCRIPT", str(script)) + "\n")
            at.until("ready")
            return [
                tab(at, "finial entry show -entryID ", of_api, of_web),
                tab(at, "finial entry show -entryID a"),
                tab(at, "finial entry delete -entryID=w"),
                tab(at, "finial entry show -spiffeID spiffe://example.org/a"),
                tab(at, "spire-server agent ban -spiffeID spi"),
                tab(at, "finial bundle delete -id=o"),
                tab(at, "finial entry show -socketPath /nobody -entryID a", changes=False),
            ]

    async def run() -> list[str]:
        async with server(folder) as running:
            await fill(running)
            return await asyncio.to_thread(typed)

    assert asyncio.run(run()) == [
        "finial entry show -entryID ",
        "finial entry show -entryID api ",
        "finial entry delete -entryID=web-",
        "finial entry show -spiffeID spiffe://example.org/api ",
        f"spire-server agent ban -spiffeID {NODE} ",
        "finial bundle delete -id=other.test ",
        "finial entry show -socketPath /nobody -entryID a",
    ]


def test_fish_describes_what_it_offers(folder: Path) -> None:
    if shutil.which("fish") is None:
        pytest.skip("fish is not installed")
    script = folder / "script"
    script.write_text(SHELLS["fish"](table()))
    lines = (
        "finial entry show -entryID w",
        "finial entry show -entryID=a",
        "spire-server agent ban -spiffeID spi",
        "finial entry show -socketPath /nobody -entryID ",
    )
    asked = "; ".join([f"source {script}", *(f"complete -C '{one}'" for one in lines)])

    wanted = [
        "web-1\tspiffe://example.org/web-1",
        "web-2\tspiffe://example.org/web-2",
        "-entryID=api\tspiffe://example.org/api",
        f"{NODE}\tagent, x509pop",
    ]

    async def offered() -> list[str]:
        process = await asyncio.create_subprocess_exec(
            "fish", "--no-config", "-c", asked, env=surroundings(folder), stdout=asyncio.subprocess.PIPE
        )
        out, _ = await asyncio.wait_for(process.communicate(), 60)
        return out.decode().splitlines()

    async def run() -> list[str]:
        async with server(folder) as running:
            await fill(running)
            for _ in range(TRIES):
                if (got := await offered()) == wanted:
                    break
            return got

    assert asyncio.run(run()) == wanted
