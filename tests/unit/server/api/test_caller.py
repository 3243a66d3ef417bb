from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest

from finial.errors import FinialError, Internal, InvalidArgument, NotFound
from finial.runtime.clock import SystemClock
from finial.runtime.log import Logger, Output
from finial.runtime.peer import Facts, Peer
from finial.server.api.caller import Caller, begin, current, log_refusal
from finial.spiffe.id import SpiffeId
from finial.svid.x509 import X509Svid

AGENT = SpiffeId.parse("spiffe://example.org/spire/agent/t/1")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
SVID = X509Svid(AGENT, (), NOW, NOW, 7, b"")
PATH = "/spire.api.server.entry.v1.Entry/ListEntries"


def test_a_call_is_logged_with_its_names_and_its_caller() -> None:
    text = io.StringIO()
    record = begin(
        PATH, Caller("127.0.0.1:9", "127.0.0.1", svid=SVID), Logger(Output(text, now=SystemClock().now))
    )
    assert current() is record
    record.log.info("hello")
    assert "service=entry.v1.Entry" in text.getvalue()
    assert "method=ListEntries" in text.getvalue()
    assert f'caller_id="{AGENT}"' in text.getvalue()
    assert "request_id=" in text.getvalue()


def test_the_agent_of_a_call_is_the_one_of_its_certificate() -> None:
    log = Logger(Output(io.StringIO(), now=SystemClock().now))
    assert begin(PATH, Caller(svid=SVID), log).agent_id == AGENT
    with pytest.raises(Internal, match="without a certificate"):
        _ = begin(PATH, Caller(), log).agent_id


class Somebody:
    """A `finial.runtime.peer.held.Pin`."""

    pid, pidfd = 1, -1

    def facts(self) -> Facts:
        return Facts(5, 6, (0, 0), 0, 0)

    def close(self) -> None: ...


def test_a_local_caller_is_named_by_user_and_group() -> None:
    peer = Peer(Somebody())
    assert Caller(peer=peer).audit_fields() == {"caller_uid": 5, "caller_gid": 6}
    assert Caller(peer=peer).fields() == {}
    assert Caller("h:1", "h").audit_fields() == {}


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (NotFound("agent not found"), 'msg="Agent not found" '),
        (InvalidArgument("ttl is required"), 'msg="Invalid argument: ttl is required" '),
        (
            InvalidArgument("path is empty").within("failed to convert entry"),
            'msg="Invalid argument: failed to convert entry" entry_id=e error="path is empty" ',
        ),
        (
            InvalidArgument("failed to attest: join token is used"),
            'msg="Invalid argument: failed to attest: join token is used" ',
        ),
    ],
)
def test_what_was_asked_in_vain_is_logged_in_words_of_spire(error: FinialError, line: str) -> None:
    text = io.StringIO()
    begin(PATH, Caller(), Logger(Output(text, now=SystemClock().now)))
    log_refusal(error, entry_id="e")
    assert f"level=error {line}" in text.getvalue()
    assert "entry_id=e" in text.getvalue()
