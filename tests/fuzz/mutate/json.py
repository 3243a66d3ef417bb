"""Changes to JSON by structure. What is no JSON is changed blindly; inside a text of base64 there may be DER."""

from __future__ import annotations

import base64
import binascii
import copy
import json
import random
from collections.abc import Iterator, Sequence

from tests.fuzz.mutate.blind import mutated
from tests.fuzz.mutate.der import by_der
from tests.fuzz.mutate.values import NUMBERS, TEXTS
from tests.fuzz.target import Mutate

Json = object


def by_json(names: Sequence[str], values: Sequence[Json] = ()) -> Mutate:
    """Members set, taken out and moved; `names` and `values` are those of the format."""
    odd: tuple[Json, ...] = (
        *values,
        *TEXTS,
        *NUMBERS,
        None,
        True,
        0.5,
        1e300,
        [],
        {},
        "\ud800",
        "AA",
        "-_",
        "A" * 300,
    )

    def mutate(data: bytes, rng: random.Random) -> bytes:
        try:
            document = [json.loads(data)]
            for _ in range(rng.choice((1, 1, 2, 4))):
                _change(rng.choice(list(_containers(document))), names, copy.deepcopy(odd), rng)
            return json.dumps(document[0]).encode() if document else b""
        except (ValueError, RecursionError):
            return mutated(data, (), (), rng)

    return mutate


def _containers(value: Json) -> Iterator[list[Json] | dict[str, Json]]:
    if isinstance(value, list | dict):
        yield value
        for inner in value if isinstance(value, list) else value.values():
            yield from _containers(inner)


def _change(
    holder: list[Json] | dict[str, Json], names: Sequence[str], odd: Sequence[Json], rng: random.Random
) -> None:
    keys: list[str] | range = list(holder) if isinstance(holder, dict) else range(len(holder))
    if not keys or rng.random() < 0.2:
        if isinstance(holder, dict):
            holder[rng.choice(names)] = rng.choice(odd)
        else:
            holder.append(rng.choice(odd))
        return
    key = rng.choice(keys)
    if rng.random() < 0.2:
        del holder[key]  # type: ignore[arg-type]  # a key of this very holder
    else:
        holder[key] = _changed(holder[key], odd, rng)  # type: ignore[index, call-overload]  # the same


def _changed(value: Json, odd: Sequence[Json], rng: random.Random) -> Json:
    if not isinstance(value, str) or rng.random() < 0.4:
        return rng.choice(odd)
    try:
        held = base64.b64decode(value, validate=True)
    except (ValueError, binascii.Error):
        held = b""
    if held and rng.random() < 0.8:
        return base64.b64encode(by_der(held, rng)).decode()
    return mutated(value.encode("utf-8", "replace"), (), (), rng).decode("utf-8", "replace")
