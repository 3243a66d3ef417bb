"""Selector: one attested fact about a node or workload, `type:value`. Pure.

The type has no colon; the value may hold anything, colons too. Selectors of an entry are compared as a
set, kept in the order in which they were given.
"""

from __future__ import annotations

from dataclasses import dataclass

from finial.errors import InvalidArgument


@dataclass(frozen=True, slots=True, order=True)
class Selector:
    """A checked selector. `str()` is `type:value`."""

    type: str
    value: str

    @classmethod
    def parse(cls, text: str) -> Selector:
        """From `unix:uid:1000`: the type is what stands before the first colon.

        Raises: InvalidArgument. SPIRE 1.15 `entry create -selector`.
        """
        kind, colon, value = text.partition(":")
        if not colon:
            raise InvalidArgument(f'selector "{text}" must be formatted as type:value')
        return cls.of(kind, value)

    @classmethod
    def of(cls, kind: str, value: str) -> Selector:
        """Raises: InvalidArgument, in SPIRE's words."""
        if not kind:
            raise InvalidArgument("missing selector type")
        if ":" in kind:
            raise InvalidArgument("selector type contains ':'")
        if not value:
            raise InvalidArgument("missing selector value")
        return cls(kind, value)

    def __str__(self) -> str:
        return f"{self.type}:{self.value}"
