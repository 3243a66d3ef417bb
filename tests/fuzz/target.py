"""What a fuzz target is, and the list of all of them.

A target takes any bytes. It returns, or raises one of its `errors`; anything else that escapes, time or memory
beyond its bounds, and an error whose text cannot be sent, are findings. Round trips are asserted inside. A target
knows nothing of the engine that drives it: any fuzzer that calls `TARGETS[name].run(data)` will do.
"""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from finial.errors import FinialError

Run = Callable[[bytes], None]
Mutate = Callable[[bytes, random.Random], bytes]
Seeds = Callable[[], Iterable[bytes]]

MIB = 1024 * 1024
SEEDS = Path(__file__).parent / "seeds"
TARGETS: dict[str, Target] = {}


@dataclass(frozen=True, slots=True)
class Target:
    """`reads`: modules below src/finial whose parsers it drives. `made`: seeds that hold keys or certificates,
    made anew each time; the others are files in seeds/<name>. `words` are put in by the engine, `mutate` knows
    the structure. `cpu`: seconds one input may take; `memory`: bytes it may have allocated at once.
    `end`: closes what was kept open from one input to the next."""

    name: str
    run: Run
    reads: tuple[str, ...]
    made: Seeds
    words: tuple[bytes, ...]
    mutate: Mutate | None
    errors: tuple[type[Exception], ...]
    cpu: float
    memory: int
    longest: int
    end: Callable[[], None] = lambda: None

    @property
    def group(self) -> str:
        """The file it stands in."""
        return self.run.__module__.rpartition(".")[2]

    def attempt(self, data: bytes) -> None:
        """Raises: whatever the target must not raise."""
        try:
            self.run(data)
        except self.errors as error:
            if isinstance(error, FinialError):
                f"{error.message}{error.hint or ''}".encode()  # what cannot be encoded cannot be told

    def seeds(self) -> list[bytes]:
        folder = SEEDS / self.name
        kept = [path.read_bytes() for path in sorted(folder.iterdir())] if folder.is_dir() else []
        return [*kept, *self.made()]


def target(
    name: str,
    *,
    reads: tuple[str, ...],
    made: Seeds = tuple,
    words: tuple[bytes, ...] = (),
    mutate: Mutate | None = None,
    errors: tuple[type[Exception], ...] = (FinialError,),
    cpu: float = 1.0,
    memory: int = 16 * MIB,
    longest: int = 4096,
    end: Callable[[], None] = lambda: None,
) -> Callable[[Run], Run]:
    """Lists the decorated function as a target."""

    def listed(run: Run) -> Run:
        assert name not in TARGETS
        TARGETS[name] = Target(name, run, reads, made, words, mutate, errors, cpu, memory, longest, end)
        return run

    return listed


def text_of(data: bytes) -> str:
    """As text, lone surrogates included: JSON and command lines can hold them."""
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace")


def from_file(data: bytes, read: Callable[[Path], object]) -> object:
    with tempfile.NamedTemporaryFile(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as file:
        file.write(data)
        file.flush()
        return read(Path(file.name))
