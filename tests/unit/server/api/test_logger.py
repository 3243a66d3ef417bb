from __future__ import annotations

from pathlib import Path

import pytest

from finial.runtime.grpc import GRPCError, unary
from finial.runtime.log import Level
from finial.testing.server import Running, play
from finial.wire.pb.spire.api.server.logger.v1 import logger_pb2 as api
from finial.wire.pb.spire.api.server.logger.v1.logger_grpc import LoggerStub
from finial.wire.pb.spire.api.types import logger_pb2


def test_the_level_is_set_and_set_back(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        output = running.server.output
        async with running.admin() as channel:
            stub = LoggerStub(channel)
            answer = await unary(stub.SetLogLevel, api.SetLogLevelRequest(new_level=logger_pb2.WARN))
            assert (answer.current_level, answer.launch_level) == (logger_pb2.WARN, logger_pb2.DEBUG)
            assert output.level is Level.WARNING
            assert (await unary(stub.GetLogger, api.GetLoggerRequest())).current_level == logger_pb2.WARN
            reset = await unary(stub.ResetLogLevel, api.ResetLogLevelRequest())
            assert reset.current_level == logger_pb2.DEBUG
        assert any("SetLogLevel Called" in line and "new_log_level=warning" in line for line in running.lines)

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("level", "why"),
    [(0, "newLevel value cannot be LogLevel_UNSPECIFIED"), (99, "unsupported log level")],
)
def test_what_is_no_level_is_refused(tmp_path: Path, level: int, why: str) -> None:
    async def scene(running: Running) -> None:
        async with running.admin() as channel:
            request = api.SetLogLevelRequest(new_level=level)  # type: ignore[arg-type]
            with pytest.raises(GRPCError, match=why):
                await unary(LoggerStub(channel).SetLogLevel, request)
        assert running.server.output.level is Level.DEBUG

    play(tmp_path, scene)
