"""A small coverage-guided engine: no dependency, deterministic for one seed of chance.

Inputs that reach a line of `finial` by a way not seen before are kept and mutated further (`sys.settrace` on our
package alone). One input may use so much CPU, and of those that were kept, and some others, memory is measured.
A warning is an error: a stranger's bytes must not write to a log what no code of ours chose.
"""

from __future__ import annotations

import hashlib
import random
import resource
import signal
import sys
import time
import traceback
import tracemalloc
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from tests.fuzz.mutate.blind import mutated
from tests.fuzz.target import Target

import finial

PACKAGE = str(Path(finial.__file__).parent)
MEASURED = 100  # of so many inputs the memory of one is measured
MOST_KEPT = 4000
Way = tuple[CodeType, int, int]  # a function, the line before, the line


class TooSlow(BaseException):
    """Not an Exception, so that no parser takes it for its own."""


class TooLarge(Exception):
    pass


@dataclass(frozen=True, slots=True)
class Finding:
    data: bytes
    error: BaseException

    @property
    def place(self) -> str:
        """What tells one finding from another: kind of error and the innermost line of ours."""
        frames = traceback.extract_tb(self.error.__traceback__)
        ours = [one for one in frames if one.filename.startswith(PACKAGE)] or frames
        last = ours[-1]
        return f"{type(self.error).__name__} at {Path(last.filename).name}:{last.lineno}"

    def __str__(self) -> str:
        told = "".join(traceback.format_exception(self.error))
        return f"input {self.data[:2000]!r}\n{told}".encode("ascii", "backslashreplace").decode()


class Coverage:
    """Which lines were reached from which; only what is new is reported."""

    def __init__(self) -> None:
        self.seen: set[Way] = set()
        self._now: set[Way] = set()
        self._ours: dict[CodeType, bool] = {}

    @contextmanager
    def watched(self) -> Iterator[None]:
        before = sys.gettrace()
        self._now = set()
        sys.settrace(self._called)
        try:
            yield
        finally:
            sys.settrace(before)

    def grew(self) -> bool:
        """Whether the last run went a way that none went before."""
        if self._now <= self.seen:
            return False
        self.seen |= self._now
        return True

    def _called(self, frame: FrameType, event: str, _: Any) -> Any:
        code = frame.f_code
        ours = self._ours.get(code)
        if ours is None:
            ours = self._ours[code] = code.co_filename.startswith(PACKAGE)
        if not ours:
            return None
        now, last = self._now, 0

        def line(inner: FrameType, kind: str, _: Any) -> Any:
            nonlocal last
            if kind == "line":
                now.add((code, last, inner.f_lineno))
                last = inner.f_lineno
            return line

        return line


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raises TooSlow inside once the process has used so much CPU. In the main thread only."""

    def stop(_: int, __: FrameType | None) -> None:
        raise TooSlow(f"more than {seconds:g} s of CPU")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def bound_memory(size: int) -> None:
    """Of the whole process, what C code takes included: beyond it there is a MemoryError."""
    resource.setrlimit(resource.RLIMIT_AS, (size, resource.getrlimit(resource.RLIMIT_AS)[1]))


@dataclass
class Fuzzer:
    target: Target
    chance: random.Random
    corpus: list[bytes] = field(default_factory=list)
    findings: dict[str, Finding] = field(default_factory=dict)
    runs: int = 0
    coverage: Coverage = field(default_factory=Coverage)

    def run(self, cpu: float) -> None:
        """All seeds and what was kept before, then mutations, until so many seconds of CPU are used up."""
        end = time.process_time() + cpu
        known, self.corpus = self.corpus, [*self.target.seeds(), b""]
        with warnings.catch_warnings(), ExitStack() as stack:
            stack.callback(self.target.end)
            warnings.simplefilter("error")
            for seed in tuple(self.corpus):
                self._once(seed)
                self._measure(seed)
            for data in known:
                self._try(data)
            while time.process_time() < end:
                self._try(self._next())

    def _try(self, data: bytes) -> None:
        """Kept if it goes a new way."""
        new = self._once(data) and len(self.corpus) < MOST_KEPT
        if new:
            self.corpus.append(data)
        if new or self.runs % MEASURED == 0:
            self._measure(data)

    def _next(self) -> bytes:
        target, chance = self.target, self.chance
        base = self.corpus[
            -1 - min(len(self.corpus) - 1, int(chance.expovariate(0.02)))
        ]  # young ones more often
        if chance.random() < 0.3:
            base = chance.choice(self.corpus)
        if target.mutate is not None and chance.random() < 0.7:
            return target.mutate(base, chance)[: target.longest]
        return mutated(base, self.corpus, target.words, chance)[: target.longest]

    def _once(self, data: bytes) -> bool:
        """Whether it went a new way."""
        with self._found(data), self.coverage.watched(), limited(10 * self.target.cpu):
            self.target.attempt(data)
        return self.coverage.grew()

    def _measure(self, data: bytes) -> None:
        """Without the tracing of lines, which costs ten times the time."""
        with self._found(data):
            with limited(self.target.cpu):
                self.target.attempt(data)
            tracemalloc.start()
            try:
                self.target.attempt(data)
                peak = tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()
            if peak > self.target.memory:
                raise TooLarge(f"{peak} bytes at once")

    @contextmanager
    def _found(self, data: bytes) -> Iterator[None]:
        """A run whose exceptions are findings."""
        self.runs += 1
        try:
            yield
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise
            found = Finding(data, error)
            self.findings.setdefault(found.place, found)


def name_of(data: bytes) -> str:
    """Of the file an input is kept in."""
    return hashlib.sha256(data).hexdigest()[:16]
