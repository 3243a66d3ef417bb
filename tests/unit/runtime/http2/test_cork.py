"""Corked writes: one send a turn, order kept, nothing after the end."""

from __future__ import annotations

import asyncio

from finial.runtime.http2.cork import MOST, Corked


class Recorder(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.writes.append(bytes(data))

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True

    abort = close

    def get_write_buffer_size(self) -> int:
        return 7


def test_one_turn_is_one_write() -> None:
    async def main() -> None:
        inner = Recorder()
        corked = Corked(inner, asyncio.get_running_loop())
        for part in (b"head", b"data", b"trailers"):
            corked.write(part)
        assert inner.writes == []
        assert corked.get_write_buffer_size() == len(b"headdatatrailers") + 7
        await asyncio.sleep(0)
        assert inner.writes == [b"headdatatrailers"]
        assert corked.get_write_buffer_size() == 7

    asyncio.run(main())


def test_much_goes_out_at_once() -> None:
    async def main() -> None:
        inner = Recorder()
        corked = Corked(inner, asyncio.get_running_loop())
        corked.write(b"a" * MOST)
        corked.write(b"b")
        assert inner.writes == [b"a" * MOST + b"b"]

    asyncio.run(main())


def test_close_sends_what_waits_and_abort_drops_it() -> None:
    async def main() -> None:
        for act, expected in ((Corked.close, [b"last"]), (Corked.abort, [])):
            inner = Recorder()
            corked = Corked(inner, asyncio.get_running_loop())
            corked.write(b"last")
            act(corked)
            corked.write(b"too late")
            await asyncio.sleep(0)
            assert inner.writes == expected

    asyncio.run(main())
