"""How long to wait before the next try: 1, 2, 3 ... 30 seconds, as go-spiffe does. Pure."""

from __future__ import annotations

from dataclasses import dataclass

LONGEST = 30.0


@dataclass(slots=True)
class Backoff:
    step: float = 1.0
    longest: float = LONGEST
    tries: int = 0

    def next(self) -> float:
        """Seconds to wait now."""
        self.tries += 1
        return min(self.tries * self.step, self.longest)

    def reset(self) -> None:
        """After a success."""
        self.tries = 0
