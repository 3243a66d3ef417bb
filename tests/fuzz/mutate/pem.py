"""Changes to PEM: to the DER in one of its blocks, or to the text around it."""

from __future__ import annotations

import base64
import binascii
import random
import re

from tests.fuzz.mutate.blind import mutated
from tests.fuzz.mutate.der import by_der

BODY = re.compile(rb"(?<=-----\n)[A-Za-z0-9+/=\n]+(?=-----END)")


def by_pem(data: bytes, rng: random.Random) -> bytes:
    blocks = list(BODY.finditer(data))
    if not blocks or rng.random() < 0.1:
        return mutated(data, (), (), rng)
    chosen = rng.choice(blocks)
    try:
        der = by_der(base64.b64decode(chosen.group().replace(b"\n", b"")), rng)
    except binascii.Error:
        return mutated(data, (), (), rng)
    return data[: chosen.start()] + base64.encodebytes(der) + data[chosen.end() :]
