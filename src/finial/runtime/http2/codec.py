"""Answers as bytes: made from a message, or bytes that a handler has ready and that go out as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from grpclib.encoding.proto import ProtoCodec


@dataclass(frozen=True, slots=True)
class Encoded:
    """A message of the method's answer type, encoded. What it holds is not checked."""

    data: bytes


class Codec(ProtoCodec):
    def encode(self, message: Any, message_type: Any) -> bytes:
        """Raises: TypeError for a message of another type."""
        return message.data if isinstance(message, Encoded) else super().encode(message, message_type)
