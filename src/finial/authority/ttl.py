"""Which lifetimes fit together: those of SVIDs that a CA, or a JWT key, of a given lifetime gives in full. Pure.

An authority signs until the next is activated, at the latest when a sixth of its life is left, 7 days at the
most (`rotation`). So much is left to what it signs last: a longer SVID may be cut short by its signer's end.
SPIRE 1.15 `pkg/server/ca/manager` names the same bounds and warns at start. All times are seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

SHARE = 6  # of a CA's life, for an SVID
LARGEST = 7 * 24 * 3600  # no SVID is guaranteed more, however long the CA lives


def largest_svid_ttl(ca_ttl: float) -> float:
    """What an SVID gets in full."""
    return min(ca_ttl / SHARE, LARGEST)


def smallest_ca_ttl(svid_ttl: float) -> float:
    """The CA that an SVID needs; beyond `LARGEST` none is enough."""
    return svid_ttl * SHARE


@dataclass(frozen=True, slots=True)
class Misfit:
    """An SVID lifetime that its CA may cut short. `name` is the option or the entry's field."""

    name: str
    ttl: float
    ca_ttl: float

    @property
    def largest(self) -> float:
        return largest_svid_ttl(self.ca_ttl)

    @property
    def ca_is_enough(self) -> bool:
        """Whether nothing but the SVID's own lifetime is too long."""
        return self.ca_ttl >= smallest_ca_ttl(LARGEST)

    def refusal(self) -> str:
        """What is wrong, the largest lifetime that fits, and the option to raise."""
        raised = "" if self.ttl > LARGEST else f", or ca_ttl to {short(smallest_ca_ttl(self.ttl))} or more"
        return (
            f"{self.name} of {short(self.ttl)} does not fit a ca_ttl of {short(self.ca_ttl)}: "
            f"set {self.name} to {short(self.largest)} or less{raised}"
        )

    def warning(self) -> str:
        """SPIRE's three sentences."""
        end = f"to guarantee the full {self.name} lifetime when CA rotations are scheduled."
        cut = "SVIDs with shorter lifetimes may be issued"
        if self.ttl < LARGEST:
            return (
                f"{self.name} is too high for the configured ca_ttl value. {cut}. Please set {self.name} to "
                f"{short(self.largest)} or less, or the ca_ttl to {short(smallest_ca_ttl(self.ttl))} or more, {end}"
            )
        if not self.ca_is_enough:
            return (
                f"{self.name} is too high and the ca_ttl is too low. {cut}. Please set {self.name} to "
                f"{short(LARGEST)} or less, and the ca_ttl to {short(smallest_ca_ttl(LARGEST))} or more, {end}"
            )
        return (
            f"{self.name} is too high. {cut}. Please set {self.name} to {short(self.largest)} or less {end}"
        )


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """A CA's, and those of SVIDs by name; 0 or less: not set."""

    ca: float
    svids: Mapping[str, float]

    def misfits(self) -> tuple[Misfit, ...]:
        """In the order of the names given; none: nothing is cut short by a scheduled rotation."""
        most = largest_svid_ttl(self.ca)
        return tuple(Misfit(name, ttl, self.ca) for name, ttl in self.svids.items() if ttl > most)

    def with_shorter_svids(self) -> Lifetimes:
        """The nearest set that fits this CA."""
        most = largest_svid_ttl(self.ca)
        return Lifetimes(self.ca, {name: min(ttl, most) for name, ttl in self.svids.items()})

    def with_longer_ca(self) -> Lifetimes:
        """The nearest set that keeps the SVIDs, but for those that no CA is enough for."""
        kept = {name: min(ttl, LARGEST) for name, ttl in self.svids.items()}
        return Lifetimes(max(self.ca, *map(smallest_ca_ttl, kept.values())) if kept else self.ca, kept)


def short(seconds: float) -> str:
    """As SPIRE prints it: `2h`, `1h30m`, `90s` as `1m30s`; whole seconds, cut."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h" + (f"{minutes}m" if minutes or rest else "") + (f"{rest}s" if rest else "")
    return f"{minutes}m" + (f"{rest}s" if rest else "") if minutes else f"{rest}s"
