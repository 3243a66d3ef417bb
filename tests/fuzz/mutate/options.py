"""Changes to a configuration file by the options that there are: one more is set, in its own block or in any other."""

from __future__ import annotations

import random
from collections.abc import Iterator

from tests.fuzz.mutate.blind import mutated
from tests.fuzz.target import Mutate

from finial.config.options import Kind, options_of

VALUES = (
    '""', '"x"', '"1h"', '"1s"', '"-1h"', '"30m"', "0", "-1", "1", "70000", "0.5", "true", "false", '"true"', '["a"]', "[]", "{}",
    '"ec-p256"', '"https://a.test/x?spiffe-a=b"', '"http://a.test"', '"unix:///run/a"', '"10.0.0.0/8"', '"always"', '"refuse"',
)  # fmt: skip


def by_options(config: type) -> Mutate:
    known = list(fragments(config))

    def mutate(data: bytes, rng: random.Random) -> bytes:
        lines = data.split(b"\n")
        for _ in range(rng.choice((1, 1, 2, 4))):
            at, chance = rng.randrange(len(lines)), rng.random()
            if chance < 0.7:
                lines.insert(at, rng.choice(known).replace("VALUE", rng.choice(VALUES)).encode())
            elif chance < 0.9:
                del lines[at]
            else:
                lines[at] = mutated(lines[at], (), (), rng)
            lines = lines or [b""]
        return b"\n".join(lines)

    return mutate


def fragments(config: type) -> Iterator[str]:
    """One a known option, from the top and from within its block alone; VALUE stands for what is set."""
    for one in options_of(config).values():
        yield f"{one.name} = VALUE"
        if one.block is not None:
            label = ' "a"' if one.kind is Kind.LABELLED else ""
            for inner in fragments(one.block):
                yield inner
                yield f"{one.name}{label} {{ {inner} }}"
