"""A reading before and after the first answer."""

from __future__ import annotations

from finial.console.readings import ServerReading


def test_a_server_is_reached_once_it_answered() -> None:
    assert not ServerReading(trouble="no such file").reached
    assert ServerReading(at=1.0, trouble="connection refused").reached
