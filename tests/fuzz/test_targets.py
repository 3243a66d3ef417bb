"""Every target over its seeds and as many mutations as fit into a second; minutes each in the soak."""

from __future__ import annotations

import random

import pytest
from tests.fuzz.engine import Coverage, Fuzzer, TooLarge, TooSlow
from tests.fuzz.target import SEEDS, TARGETS, Target
from tests.fuzz.targets import TARGETS as FILLED

NAMES = sorted(FILLED)
SOAK = 60.0


def fuzz(name: str, cpu: float, chance: random.Random) -> None:
    fuzzer = Fuzzer(TARGETS[name], chance)
    fuzzer.run(cpu)
    assert not fuzzer.findings, "\n".join(f"{place}: {found}" for place, found in fuzzer.findings.items())
    assert fuzzer.runs > 1


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_second_finds_nothing(name: str) -> None:
    fuzz(name, 1.0, random.Random(1))


@pytest.mark.soak
@pytest.mark.timeout(20 * SOAK)
@pytest.mark.parametrize("name", NAMES)
def test_a_minute_finds_nothing(name: str) -> None:
    fuzz(name, SOAK, random.Random())


def test_each_folder_of_seeds_is_a_targets() -> None:
    assert {path.name for path in SEEDS.iterdir()} <= set(NAMES)


def probe(run: object, **bounds: object) -> Fuzzer:
    fields: dict[str, object] = {
        "name": "probe", "reads": (), "made": lambda: (b"seed",), "words": (b"magic",), "mutate": None,
        "errors": (), "cpu": 0.1, "memory": 1 << 20, "longest": 64,
    }  # fmt: skip
    return Fuzzer(Target(run=run, **fields | bounds), random.Random(1))  # type: ignore[arg-type]  # of parameters


def test_what_escapes_is_found() -> None:
    def run(data: bytes) -> None:
        if data.startswith(b"magic"):
            raise KeyError("escaped")

    fuzzer = probe(run)
    fuzzer.run(0.5)
    assert [type(one.error) for one in fuzzer.findings.values()] == [KeyError]


def test_what_takes_too_long_or_too_much_is_found() -> None:
    def spin(_: bytes) -> None:
        while True:
            pass

    slow, large = probe(spin), probe(lambda data: [None] * 1_000_000)
    slow.run(0.0)
    large.run(0.0)
    assert [type(one.error) for one in slow.findings.values()] == [TooSlow]
    assert [type(one.error) for one in large.findings.values()] == [TooLarge]


def test_a_new_way_through_our_package_is_noticed_once() -> None:
    coverage, target = Coverage(), FILLED["id"]
    grew = []
    for data in (b"spiffe://a/b", b"spiffe://a/b", b"x"):
        with coverage.watched():
            target.attempt(data)
        grew.append(coverage.grew())
    assert grew == [True, False, True]
