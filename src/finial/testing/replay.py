"""A recorded transcript run again, command by command, against a server or agent of ours.

Every command is equal to its recording, or is listed with the reason why it is not; a list that has gone
stale is a finding too.
"""

from __future__ import annotations

import os
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from finial.cli import tree
from finial.testing.commands import Commands, apart
from finial.testing.transcripts import File, Outcome, Step, differences, kinds_shown, learned, parse

# What Finial adds below SPIRE's sentence about a configuration: the place in the file, and a hint.
PLACE = re.compile(r"^  \S+:\d+:\d+(?:: .*)?\n", re.MULTILINE)
Hook = Callable[[], Awaitable[None]]


@dataclass(slots=True)
class Replay:
    """`values`: for a placeholder in commands, its values in order of appearance. `before`: what happens
    before a section. `differs`: commands whose answers differ on purpose, and why. `unserved`: beginnings of
    commands that are not there, and why.
    """

    transcript: Path
    folder: Path
    environment: Mapping[str, str]
    values: dict[str, list[str]] = field(default_factory=dict)
    before: dict[str, Hook] = field(default_factory=dict)
    differs: dict[str, str] = field(default_factory=dict)
    unserved: dict[str, str] = field(default_factory=dict)
    select: Callable[[Step], bool] = lambda _: True  # which commands are run
    programs: Path | None = None  # of a stock SPIRE, to be run in place of ours
    equal: int = 0
    learned: dict[str, str] = field(default_factory=dict)  # values of numbered placeholders

    async def run(self) -> list[str]:
        """Everything that is not as it should be, with the line of the transcript."""
        steps = parse(self.transcript.read_text())
        wrong: list[str] = []
        section = ""
        for step in steps:
            if step.section != section:
                section = step.section
                await self.before.get(section, _nothing)()
            if not self.select(step):
                continue
            wrong += [
                f"{self.transcript.name}:{step.line}: $ {step.command}\n  {one}"
                for one in await self._step(step)
            ]
        wrong += [f"{one!r} is listed and not in the transcript" for one in self._stale(steps)]
        return wrong

    async def _step(self, step: Step) -> list[str]:
        if any(step.command.startswith(one) for one in self.unserved):
            return ["is served now: take it off the list"] if is_served(step) else []
        got = await self._outcome(step)
        self.learned |= learned(step, got, self.names)
        found = differences(step, replace(got, err=PLACE.sub("", got.err)), self.names)
        found += self._files(step)
        if step.typed in self.differs:
            return [] if found else ["does not differ: take it off the list"]
        self.equal += not found
        return found

    async def _outcome(self, step: Step) -> Outcome:
        commands = Commands(self.environment, self.programs)
        words = [self._filled(one) for one in step.words]
        if step.exit is None:
            lines = max(1, len([one for one in step.out + step.err if one]))
            uid = os.getuid() if step.uid is None else step.uid
            return await commands.run_until(uid, words, lines, warm=["api", "fetch"])
        if step.uid is not None or words[1:2] == ["run"]:
            uid = os.getuid() if step.uid is None else step.uid
            return await commands.run_as(uid, words)
        return await commands.run(words, self._filled(step.stdin))

    @property
    def names(self) -> dict[str, str]:
        return {"<DIR>": str(self.folder), "<CWD>": str(Path.cwd())} | self.learned

    def _filled(self, word: str) -> str:
        for name, value in self.names.items():
            word = word.replace(name, value)
        for name, waiting in self.values.items():
            if name in word:
                word = word.replace(name, waiting.pop(0))
        return word

    def _files(self, step: Step) -> list[str]:
        if not step.wrote:
            return []
        target = Path(self._filled(step.words[step.words.index("-write") + 1]))
        there = (
            {step.wrote[0].name: target} if target.is_file() else {one.name: one for one in target.iterdir()}
        )
        got = [File(name, path.stat().st_mode & 0o7777, _kinds(path)) for name, path in sorted(there.items())]
        return [] if got == sorted(step.wrote, key=lambda one: one.name) else [f"wrote {got}"]

    def _stale(self, steps: list[Step]) -> list[str]:
        typed = [step.typed for step in steps]
        return [one for one in self.differs if one not in typed] + [
            one for one in self.unserved if not any(command.startswith(one) for command in typed)
        ]


async def _nothing() -> None:
    pass


def _kinds(path: Path) -> str:
    return " ".join(kinds_shown(path.read_text()).split("\n")).strip()


def is_served(step: Step) -> bool:
    _, program, words = apart(step.words)
    return words[0] in tree.PROGRAMS[program] and tree.find(program, words) is not None
