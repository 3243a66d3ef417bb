from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from finial.testing.transcripts import Outcome

Call = Callable[..., Outcome]


def test_a_bad_format_is_refused_before_a_call(call: Call) -> None:
    got = call("bundle", "show", "-format", "nope", program="spire-server")
    assert got == Outcome(1, "", 'Error: invalid format: "nope"\n')


def test_the_server_that_is_away_is_named(call: Call, tmp_path: Path) -> None:
    got = call("bundle", "count", "-socketPath", str(tmp_path / "absent.sock"))
    assert got.exit == 1
    error, hint = got.err.splitlines()
    assert error.startswith("Error: rpc error: code = Unavailable desc = connection error")
    assert hint.startswith("hint: is the server running?")
