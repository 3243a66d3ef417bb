"""Which tokens are handed out again."""

from __future__ import annotations

from finial.agent.jwt_cache import JwtCache
from finial.spiffe.id import SpiffeId
from finial.svid.jwt import JwtSvid

ID = SpiffeId.parse("spiffe://example.org/web")


def token(audience: tuple[str, ...] = ("a",), *, born: float | None = 0, key_id: str = "k") -> JwtSvid:
    expires_at = (born or 0) + 300
    return JwtSvid("x.y.z", ID, audience, expires_at, born, {}, key_id, "ES256")


def cache(size: int = 10) -> JwtCache:
    return JwtCache(lambda low, high: high, size=size)


def test_a_token_is_reused_whatever_the_order_of_audiences() -> None:
    kept = cache()
    kept.put(token(("a", "b")), ("a", "b"), now=0)
    found, fresh = kept.get(ID, ["b", "a"], now=1)
    assert (found, fresh) == (token(("a", "b")), True)
    assert kept.get(ID, ["a"], now=1) == (None, False)


def test_after_the_renewal_time_a_token_serves_only_in_need_and_after_its_end_never() -> None:
    kept = cache()
    kept.put(token(), ["a"], now=0)
    renewal = 300 - 150 * 1.1
    assert kept.get(ID, ["a"], now=renewal - 1)[1] is True
    assert kept.get(ID, ["a"], now=renewal + 1) == (token(), False)
    assert kept.get(ID, ["a"], now=300) == (None, False)


def test_a_token_without_issue_time_counts_from_its_arrival() -> None:
    kept = cache()
    kept.put(token(born=None), ["a"], now=100)
    assert kept.get(ID, ["a"], now=189)[1] is True
    assert kept.get(ID, ["a"], now=191)[1] is False


def test_the_longest_unused_is_forgotten() -> None:
    kept = cache(size=2)
    for audience in "ab":
        kept.put(token((audience,)), [audience], now=0)
    kept.get(ID, ["a"], now=0)
    kept.put(token(("c",)), ["c"], now=0)
    assert [bool(kept.get(ID, [audience], now=0)[0]) for audience in "abc"] == [True, False, True]
    assert len(kept) == 2


def test_what_a_tainted_key_signed_is_forgotten() -> None:
    kept = cache()
    kept.put(token(("a",), key_id="bad"), ["a"], now=0)
    kept.put(token(("b",), key_id="good"), ["b"], now=0)
    assert kept.drop_signed_by({"bad"}) == 1
    assert kept.get(ID, ["a"], now=0) == (None, False)
    assert kept.get(ID, ["b"], now=0)[0] is not None
