"""What is due for an authority, and what a change of one is made of: values that whoever runs them takes apart."""

from __future__ import annotations

from dataclasses import dataclass

from finial.authority.journal import Journal
from finial.authority.slots import Kind
from finial.spiffe.bundle import JwtAuthority


@dataclass(frozen=True, slots=True)
class Prepare:
    """Generate a key in this slot, have it certified, then apply `Rotation.prepared`."""

    kind: Kind
    slot_id: str
    premature: bool = False  # the current one begins later: the clock was set back

    @property
    def key_id(self) -> str:
        return self.kind.key_id(self.slot_id)


@dataclass(frozen=True, slots=True)
class Activate:
    """Apply `Rotation.activated`. `left_behind`: somebody has not acknowledged it, and it cannot wait."""

    kind: Kind
    authority_id: str
    left_behind: bool = False


@dataclass(frozen=True, slots=True)
class Publish:
    """Append to the own bundle what is missing there: DER roots and JWT keys."""

    x509: tuple[bytes, ...] = ()
    jwt: tuple[JwtAuthority, ...] = ()


@dataclass(frozen=True, slots=True)
class Persist:
    """Write the journal, in one step."""

    journal: Journal


@dataclass(frozen=True, slots=True)
class Sign:
    """From here on sign with this authority."""

    kind: Kind
    authority_id: str


@dataclass(frozen=True, slots=True)
class Taint:
    """Mark it in the bundle: everything signed by it is to be renewed now."""

    kind: Kind
    authority_id: str


@dataclass(frozen=True, slots=True)
class Revoke:
    """Take it out of the bundle: nothing signed by it verifies from here on."""

    kind: Kind
    authority_id: str


Effect = Publish | Persist | Sign | Taint | Revoke
