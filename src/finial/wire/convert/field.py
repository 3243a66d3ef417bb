"""Presence, masks and the naming of faults, for messages of any type.

A mask is a message with a bool for each field that may be wanted. No mask: all fields. Fields that the
mask does not know (the ID, the trust domain) are always there. SPIRE 1.15 `pkg/common/protoutil`.
"""

from __future__ import annotations

from typing import TypeVar

from google.protobuf.message import Message

from finial.errors import FinialError

M = TypeVar("M", bound=Message)


def given(owner: Message, name: str, value: M) -> M | None:
    """`value`, which is `owner.<name>`, or None where the owner does not hold it.

    `given(request, "id", request.id)`: reading an absent sub-message alone gives an empty one.
    """
    return value if owner.HasField(name) else None


def wants(mask: Message | None, name: str) -> bool:
    """Whether the mask selects the field."""
    return mask is None or bool(getattr(mask, name))


def hidden_fields(mask: Message | None) -> tuple[str, ...]:
    """Names that the mask knows and does not select; worked out once for a whole list."""
    if mask is None:
        return ()
    return tuple(one.name for one in mask.DESCRIPTOR.fields if not getattr(mask, one.name))


def hide(message: M, names: tuple[str, ...]) -> M:
    """The same message, without these fields; the name of a oneof clears whichever is set."""
    for name in names:
        message.ClearField(name)
    return message


def apply_mask(message: M, mask: Message | None) -> M:
    """The same message, with only what the mask selects."""
    return hide(message, hidden_fields(mask))


class naming:
    """A fault found inside the block is one of `what`: "what: why"."""

    __slots__ = ("_what",)

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None: ...

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, FinialError):
            raise error.within(self._what) from error
