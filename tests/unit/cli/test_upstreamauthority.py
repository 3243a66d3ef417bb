from __future__ import annotations

from collections.abc import Callable

import pytest

from finial.cli.upstreamauthority import shown
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


def test_what_was_done_is_told() -> None:
    assert shown("Tainted", REPLY) == ["Tainted X.509 upstream authority:", "  Subject Key ID: above"]
