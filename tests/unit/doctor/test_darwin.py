from __future__ import annotations

from tests.unit.doctor.test_laptop import Told

from finial.doctor.darwin import protection
from finial.doctor.finding import Result

MAC = Told(name="darwin", scope=None, memfd=False)


def test_what_a_mac_cannot_protect_is_told_with_a_way_out() -> None:
    found = {one.what: one for one in protection(MAC)}
    assert {name: one.result for name, one in found.items()} == {
        "platform": Result.WARN,
        "tokens of callers": Result.OK,
        "digests": Result.WARN,
        "memory": Result.WARN,
    }
    assert "not tried on hardware" in found["platform"].why
    assert all(one.next_step for one in found.values() if one.result is not Result.OK)


def test_a_mac_that_tells_no_tokens_is_too_old() -> None:
    (found,) = (one for one in protection(Told(name="darwin", pins=False)) if one.result is Result.FAIL)
    assert (found.what, found.next_step) == ("tokens of callers", "use macOS 11 or later")
