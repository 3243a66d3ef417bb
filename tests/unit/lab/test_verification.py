from __future__ import annotations

import asyncio
import os
from contextlib import aclosing
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from finial.errors import FailedPrecondition
from finial.lab import channel as channels
from finial.lab import process
from finial.lab.channel import Channel, Record
from finial.lab.domain import Domain
from finial.lab.members import Members
from finial.lab.place import Place
from finial.lab.process import Child
from finial.lab.topology import LAB
from finial.lab.verification import Verification
from finial.runtime.clock import SystemClock

CHECK: Record = {"what": "x", "wanted": "200", "seen": "200", "ok": True}
TELL = "import os, sys; os.write(int(sys.argv[1]), sys.argv[2].encode())"


class Stage(Members):
    """Instead of the verifier: a program that writes these lines and ends."""

    lines: str = ""

    async def vouched(self, name: str, *_: Any) -> tuple[Child, Channel]:
        ours, theirs = channels.pair()
        number = theirs.fileno()
        os.set_inheritable(number, True)
        child = process.start(
            name, ("-S", "-c", TELL, str(number), self.lines), self.place.log(name), pass_fds=(number,)
        )
        theirs.close()
        return child, await Channel.over(ours)


def verified(folder: Path, lines: str) -> list[Record]:
    async def scenario() -> list[Record]:
        place = Place.at(folder / "lab", {"XDG_RUNTIME_DIR": str(folder)})
        place.make()
        stage = Stage(place, LAB, {}, SimpleNamespace(forget=lambda _: None), SystemClock(), print)  # type: ignore[arg-type]
        stage.lines = lines
        calls = {"ok": 2, "denied": 1, "failed": 0, "wrong": 0}
        domain = SimpleNamespace(
            members=stage,
            handing=stage.handing,
            agent=SimpleNamespace(up=asyncio.Event()),
            statuses={"web": {"calls": calls}},
        )
        async with aclosing(Verification(cast(Domain, domain)).run()) as found:
            return [one async for one in found]

    return asyncio.run(scenario())


def test_the_verifiers_checks_come_first_then_those_of_the_rounds(tmp_path: Path) -> None:
    import json

    found = verified(tmp_path, json.dumps(CHECK) + '\n{"done":true}\n')
    assert found[0] == CHECK
    assert found[1]["what"] == "web: its own calls"
    assert len(found) == 2


def test_a_verifier_that_ends_early_is_an_error_and_not_a_short_table(tmp_path: Path) -> None:
    import json

    with pytest.raises(FailedPrecondition, match="verifier ended too early"):
        verified(tmp_path, json.dumps(CHECK) + "\n")
