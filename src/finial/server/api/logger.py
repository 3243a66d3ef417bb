"""`spire.api.server.logger.v1.Logger`: what is logged, changed while the server runs."""

from __future__ import annotations

from finial.errors import InvalidArgument
from finial.runtime.grpc import Stream
from finial.runtime.log import Level, Output
from finial.server.api.backend import request_of
from finial.server.api.caller import current
from finial.wire.pb.spire.api.server.logger.v1 import logger_pb2 as api
from finial.wire.pb.spire.api.server.logger.v1.logger_grpc import LoggerBase
from finial.wire.pb.spire.api.types import logger_pb2

LEVELS = {
    logger_pb2.PANIC: Level.PANIC,
    logger_pb2.FATAL: Level.FATAL,
    logger_pb2.ERROR: Level.ERROR,
    logger_pb2.WARN: Level.WARNING,
    logger_pb2.INFO: Level.INFO,
    logger_pb2.DEBUG: Level.DEBUG,
    logger_pb2.TRACE: Level.TRACE,
}
NUMBERS = {level: number for number, level in LEVELS.items()}


class LoggerService(LoggerBase):
    def __init__(self, output: Output) -> None:
        self._output = output

    def _state(self) -> logger_pb2.Logger:
        return logger_pb2.Logger(
            current_level=NUMBERS[self._output.level], launch_level=NUMBERS[self._output.launch_level]
        )

    async def GetLogger(self, stream: Stream[api.GetLoggerRequest, logger_pb2.Logger]) -> None:
        await request_of(stream)
        await stream.send_message(self._state())

    async def SetLogLevel(self, stream: Stream[api.SetLogLevelRequest, logger_pb2.Logger]) -> None:
        request = await request_of(stream)
        if request.new_level == logger_pb2.UNSPECIFIED:
            raise InvalidArgument("newLevel value cannot be LogLevel_UNSPECIFIED")
        level = LEVELS.get(request.new_level)
        if level is None:
            raise InvalidArgument("unsupported log level")
        current().audit(new_log_level=level.name)
        current().log.info("SetLogLevel Called", new_log_level=str(level))
        self._output.level = level
        await stream.send_message(self._state())

    async def ResetLogLevel(self, stream: Stream[api.ResetLogLevelRequest, logger_pb2.Logger]) -> None:
        await request_of(stream)
        current().log.info("ResetLogLevel Called", launch_log_level=str(self._output.launch_level))
        self._output.level = self._output.launch_level
        await stream.send_message(self._state())
