from __future__ import annotations

import io
from collections.abc import Callable

import pytest

from finial.cli.console import Console
from finial.cli.upstreamauthority import UpstreamFlags, show
from finial.testing.transcripts import Outcome
from finial.wire.pb.spire.api.server.localauthority.v1 import localauthority_pb2 as wire

Call = Callable[..., Outcome]

REPLY = wire.TaintX509UpstreamAuthorityResponse(upstream_authority_subject_key_id="above")


@pytest.mark.parametrize("step", ["taint", "revoke"])
def test_a_step_wants_to_know_which(step: str, call: Call) -> None:
    got = call("upstreamauthority", step, program="spire-server")
    assert (got.exit, got.err) == (
        1,
        "Error: the Subject Key ID of the X.509 upstream authority is required\n",
    )
    assert call("upstreamauthority", step).err.endswith("show` tells it of each authority\n")


@pytest.mark.parametrize(
    ("output", "text"),
    [
        ("pretty", "Tainted X.509 upstream authority:\n  Subject Key ID: above\n"),
        ("json", '{"upstream_authority_subject_key_id":"above"}\n'),
    ],
)
def test_what_was_done_is_told(console: Console, output: str, text: str) -> None:
    assert isinstance(console.stdout, io.StringIO)
    show("Tainted", REPLY, UpstreamFlags(output=output), console)
    assert console.stdout.getvalue() == text
