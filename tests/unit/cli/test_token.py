from __future__ import annotations

from collections.abc import Callable

from finial.cli.token import DEFAULT_TTL, GenerateFlags
from finial.testing.transcripts import Outcome

Call = Callable[..., Outcome]


def test_a_bad_id_is_refused_before_a_call(call: Call) -> None:
    got = call("token", "generate", "-spiffeID", "bad", program="spire-server")
    assert got == Outcome(1, "", "Error: scheme is missing or invalid\n")


def test_a_token_is_good_for_ten_minutes_unless_told() -> None:
    assert GenerateFlags().ttl == DEFAULT_TTL == 600
