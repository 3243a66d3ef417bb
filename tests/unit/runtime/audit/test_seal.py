"""Keys of seals go forward only."""

from __future__ import annotations

from finial.runtime.audit.seal import SealKey


def test_a_seal_is_of_its_digest_its_key_and_its_number() -> None:
    key = SealKey.generate()
    mac = key.seal(b"d" * 32)
    assert key.is_seal(mac, b"d" * 32)
    assert not key.is_seal(mac, b"e" * 32)
    assert not key.next().is_seal(mac, b"d" * 32)
    assert not SealKey(1, key.key).is_seal(mac, b"d" * 32)
    assert not SealKey.generate().is_seal(mac, b"d" * 32)
    assert not key.is_seal(None, b"d" * 32)
    assert not key.is_seal("é", b"d" * 32)


def test_the_first_key_gives_every_later_one() -> None:
    key = SealKey.generate()
    assert key.at(3) == key.next().next().next()
    assert key.at(0) == key
    assert key.next().key != key.key


def test_a_key_is_not_shown() -> None:
    key = SealKey.generate()
    assert repr(key.key) not in repr(key)
