"""What one rendering may cost: every step and every value that a function takes or makes is paid for.

One unit is about one character or element looked at. What would grow beyond what is left is refused before it
is made, so neither a loop, nor `repeat`, nor a list that holds itself costs more than `LIMIT` units.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from finial.errors import ResourceExhausted
from finial.template.values import Record, Value

LIMIT = 400_000  # far more than a path needs, and well below a second
MAX_DEPTH = 32  # of lists and maps inside each other


class Budget:
    def __init__(self, limit: int = LIMIT) -> None:
        self._left = limit

    def spend(self, units: int) -> None:
        """Raises: ResourceExhausted."""
        self._left -= units
        if self._left < 0:
            raise ResourceExhausted("template costs too much: its loops, texts or lists are too long")

    def weigh(self, value: Value) -> None:
        """Pays for a value with all that is in it, as often as it is in it. Raises: ResourceExhausted."""
        level = [value]
        for _ in range(MAX_DEPTH):
            level = [inner for one in level for inner in self._weigh_one(one)]
            if not level:
                return
        raise ResourceExhausted(f"template nests values more than {MAX_DEPTH} deep")

    def _weigh_one(self, value: Value) -> Iterable[Value]:
        """Pays for the value and its elements. Returns: the elements."""
        self.spend(1)
        match value:
            case str() | bytes():
                self.spend(len(value))
            case int():
                self.spend(value.bit_length() // 8)
            case Record(fields=fields):
                return fields.values()
            case Mapping():
                self.spend(len(value) + sum(len(key) for key in value))
                return value.values()
            case list() | tuple():
                self.spend(len(value))
                return value
        return ()
