"""h2's events: what is late is refused, what is unknown ignored, a complete answer stands."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from grpclib.utils import Wrapper
from h2.events import Event, StreamReset

from finial.runtime.http2.events import Processor, StreamRefused


class Call:
    cancelled = False

    def __init__(self, *, ended: bool) -> None:
        self.ended = ended
        self.wrapper: Wrapper | None = Wrapper()
        self.kept = self.wrapper
        self.window_updated = SimpleNamespace(set=lambda: None)
        self.reasons: list[str] = []

    def __terminated__(self, reason: str) -> None:
        self.reasons.append(reason)


def processor(call: Call, *, client_side: bool = True) -> Processor:
    connection: Any = SimpleNamespace(client_side=client_side, streams_failed=0)
    handler: Any = SimpleNamespace(cancel=lambda _: None)
    made = Processor(handler, connection, lambda: None)
    streams: Any = {1: call}
    made.streams = streams
    return made


def reset(code: int) -> StreamReset:
    event = StreamReset(stream_id=1)
    event.error_code = code
    return event


def test_a_reset_after_the_whole_answer_takes_nothing_away() -> None:
    call = Call(ended=True)
    processor(call).process(reset(0))
    assert (call.reasons, call.kept.cancelled) == ([], None)


def test_a_reset_before_the_end_terminates() -> None:
    for code, ended in ((0, False), (8, True), (8, False)):
        call = Call(ended=ended)
        processor(call).process(reset(code))
        assert len(call.reasons) == 1
        assert call.cancelled is (code == 8)


def test_a_refused_call_is_told_apart() -> None:
    call = Call(ended=False)
    processor(call).process(reset(7))
    assert isinstance(call.kept._error, StreamRefused)
    assert call.wrapper is None


def test_unknown_events_mean_nothing() -> None:
    class Unknown(Event):
        pass

    processor(Call(ended=False)).process(Unknown())
