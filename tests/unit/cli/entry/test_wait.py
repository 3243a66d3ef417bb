from __future__ import annotations

import io

from finial.cli.console import Console
from finial.cli.entry.wait import NOBODY, TIMEOUT, Seen
from finial.wire.pb.finial.change.v1.change_pb2 import AgentState, NobodyReason, WaitResponse
from finial.wire.pb.spire.api.types.spiffeid_pb2 import SPIFFEID


def agent(path: str, state: AgentState.State) -> AgentState:
    return AgentState(spiffe_id=SPIFFEID(trust_domain="example.org", path=path), state=state)


def verdict(*answers: WaitResponse) -> tuple[int, str]:
    err = io.StringIO()
    seen = Seen()
    for answer in answers:
        seen.take(answer)
    return seen.verdict(Console(stderr=err)), err.getvalue()


def test_done_once_an_agent_has_it() -> None:
    code, text = verdict(
        WaitResponse(agents=[agent("/a", AgentState.PENDING), agent("/b", AgentState.GONE)]),
        WaitResponse(agents=[agent("/a", AgentState.READY)], done=True),
    )
    assert code == 0
    assert "spiffe://example.org/a  ready" in text
    assert "spiffe://example.org/b  gone" in text
    assert "1 agent has the change in hand" in text


def test_delivered_to_a_stock_agent_counts() -> None:
    assert verdict(WaitResponse(agents=[agent("/a", AgentState.DELIVERED)], done=True))[0] == 0


def test_nobody_names_the_missing_parent() -> None:
    parent = SPIFFEID(trust_domain="example.org", path="/node")
    answer = WaitResponse(
        nobody_entry_ids=["e1"],
        nobody_reasons=[NobodyReason(entry_id="e1", missing_parent=parent)],
        done=True,
    )
    code, text = verdict(answer)
    assert code == NOBODY
    assert text == (
        'no agent may hold entry "e1": no agent and no entry is "spiffe://example.org/node"\n'
        "hint: `finial agent list` and `finial entry show` tell which IDs a parent may have\n"
    )


def test_agents_that_are_all_away_are_no_success() -> None:
    code, text = verdict(WaitResponse(agents=[agent("/a", AgentState.ELSEWHERE)], done=True))
    assert code == TIMEOUT
    assert "at another server" in text
