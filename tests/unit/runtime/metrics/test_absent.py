"""Why a metric of SPIRE's is not here."""

from __future__ import annotations

import pytest

from finial.runtime.metrics.absent import AGENT, GO, NO_SDS, SERVER, reason


@pytest.mark.parametrize(
    ("name", "absent", "why"),
    [
        ("runtime_free_count", SERVER, GO),
        ("sds_api_connections", AGENT, NO_SDS),
        ("rpc_sds_v3_stream_secrets_elapsed_time", AGENT, NO_SDS),
        ("runtime_free_count_more", SERVER, None),
        ("svid_rotate", SERVER, None),
        ("sds_api_connections", SERVER, None),
    ],
)
def test_the_reason_is_by_name_or_by_its_beginning(
    name: str, absent: dict[str, str], why: str | None
) -> None:
    assert reason(name, absent) == why
