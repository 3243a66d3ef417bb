from __future__ import annotations

import pytest

from finial.server.api.access import RULES
from finial.server.api.caller import Class


def short(path: str) -> str:
    return path.rpartition(".")[2]


@pytest.mark.parametrize("path", RULES, ids=short)
def test_only_any_is_mixed_with_nothing_else(path: str) -> None:
    allowed = RULES[path].allowed
    assert allowed
    assert Class.ANY not in allowed or len(allowed) == 1


def test_what_anybody_may_call_is_two_methods() -> None:
    anybody = {short(path) for path, rule in RULES.items() if Class.ANY in rule.allowed}
    assert anybody == {"Agent/AttestAgent", "Bundle/GetBundle"}


def test_nothing_that_an_operator_may_write_is_open_to_agents() -> None:
    for path, rule in RULES.items():
        if Class.ADMIN in rule.allowed and Class.AGENT in rule.allowed:
            assert short(path) == "Bundle/GetFederatedBundle"


def test_what_signs_or_attests_is_limited() -> None:
    limited = {short(path) for path, rule in RULES.items() if rule.rate}
    assert {"Agent/AttestAgent", "Agent/RenewAgent", "SVID/BatchNewX509SVID", "SVID/NewJWTSVID"} <= limited
    rates = [rule.rate for rule in RULES.values() if rule.rate]
    assert {rate.per_second for rate in rates} == {1, 10, 500}
