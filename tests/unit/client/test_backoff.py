from __future__ import annotations

from finial.client.backoff import Backoff


def test_grows_by_a_second_up_to_the_longest() -> None:
    backoff = Backoff(longest=3.0)
    assert [backoff.next() for _ in range(5)] == [1.0, 2.0, 3.0, 3.0, 3.0]


def test_begins_anew_after_a_success() -> None:
    backoff = Backoff()
    backoff.next()
    backoff.next()
    backoff.reset()
    assert backoff.next() == 1.0
